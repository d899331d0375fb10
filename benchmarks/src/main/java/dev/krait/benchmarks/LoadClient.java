package dev.krait.benchmarks;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One streamed completion of an OpenAI-style server, timed.
final class LoadClient implements AutoCloseable {
  private static final String DATA = "data: ";
  private static final String DONE = "[DONE]";

  private final HttpClient client =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .executor(Executors.newVirtualThreadPerTaskExecutor())
          .build();
  private final JsonMapper mapper = JsonMapper.shared();
  private final URI url;
  private final Duration limit;
  private final String model;

  /// @param model asked for; the first of the server's list where it is empty
  /// @throws EngineException UNAVAILABLE when the server does not answer
  LoadClient(URI url, Optional<String> model, int seconds) throws InterruptedException {
    this.url = url;
    limit = Duration.ofSeconds(seconds);
    this.model = model.isPresent() ? model.get() : firstModel();
  }

  String model() {
    return model;
  }

  private String firstModel() throws InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(url.resolve("/v1/models")).timeout(limit).build();
    try {
      HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
      JsonNode id = mapper.readTree(answer.body()).at("/data/0/id");
      if (answer.statusCode() == 200 && id.isString()) {
        return id.asString();
      }
      throw new EngineException(
          ErrorCode.UNAVAILABLE,
          "url: /v1/models answers " + answer.statusCode() + " (expected: a list of models)");
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.UNAVAILABLE, "url: " + url + ": " + failure + " (expected: a server)", failure);
    }
  }

  /// Sends a prompt and reads its answer to the end.
  ///
  /// @param times where the arrival of every piece of text is written
  /// @return tokens of the answer
  /// @throws LoadFailure when the answer is refused or not whole
  int complete(int[] prompt, int outputTokens, LoadTimes times)
      throws InterruptedException, LoadFailure {
    Map<String, Object> body =
        Map.of(
            "model",
            model,
            "prompt",
            prompt,
            "max_tokens",
            outputTokens,
            "min_tokens",
            outputTokens,
            "ignore_eos",
            true,
            "temperature",
            0,
            "stream",
            true,
            "stream_options",
            Map.of("include_usage", true));
    HttpRequest request =
        HttpRequest.newBuilder(url.resolve("/v1/completions"))
            .timeout(limit)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(mapper.writeValueAsString(body)))
            .build();
    times.begin();
    try {
      HttpResponse<Stream<String>> answer = client.send(request, BodyHandlers.ofLines());
      try (Stream<String> lines = answer.body()) {
        if (answer.statusCode() != 200) {
          throw new LoadFailure(
              "status " + answer.statusCode() + ": " + lines.collect(Collectors.joining(" ")));
        }
        return read(lines.iterator(), times);
      }
    } catch (IOException failure) {
      throw new LoadFailure(failure.toString());
    }
  }

  private int read(Iterator<String> lines, LoadTimes times) throws LoadFailure {
    int tokens = -1;
    while (lines.hasNext()) {
      String line = lines.next();
      if (!line.startsWith(DATA)) {
        continue;
      }
      String event = line.substring(DATA.length());
      if (event.equals(DONE)) {
        if (tokens < 0) {
          throw new LoadFailure("no usage before the end of the stream");
        }
        return tokens;
      }
      JsonNode node = mapper.readTree(event);
      if (node.has("error")) {
        throw new LoadFailure("error in the stream: " + node.get("error"));
      }
      if (node.at("/usage/completion_tokens").isNumber()) {
        tokens = node.at("/usage/completion_tokens").asInt();
      }
      if (node.at("/choices/0").isObject()) {
        times.arrived();
      }
    }
    throw new LoadFailure("the stream ended without [DONE]");
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
