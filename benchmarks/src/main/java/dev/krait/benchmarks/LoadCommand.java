package dev.krait.benchmarks;

import dev.krait.error.EngineException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Loads a running server: some streams at a time, each of which sends its next request when the
/// last one has ended.
@Command(
    name = "load",
    description =
        "Loads an OpenAI-style server: streams that send one completion after another, of prompts of"
            + " token ids that no cache knows.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class LoadCommand implements Callable<Integer> {
  @Option(
      names = "--url",
      paramLabel = "URL",
      required = true,
      description = "Of the server, such as http://127.0.0.1:8000.")
  private URI url = URI.create("http://127.0.0.1:8000");

  @Option(
      names = "--streams",
      paramLabel = "N,N,...",
      split = ",",
      defaultValue = "1,16,64",
      description = "Requests in flight, measured in turn; default: ${DEFAULT-VALUE}.")
  private int[] streams = {1, 16, 64};

  @Option(
      names = "--prompt",
      paramLabel = "N",
      defaultValue = "512",
      description = "Tokens of a prompt; default: ${DEFAULT-VALUE}.")
  private int promptTokens;

  @Option(
      names = "--output",
      paramLabel = "N",
      defaultValue = "128",
      description = "Tokens of an answer; default: ${DEFAULT-VALUE}.")
  private int outputTokens;

  @Option(
      names = "--requests",
      paramLabel = "N",
      description = "Requests for each number of streams; default: four for each stream.")
  private Optional<Integer> requests = Optional.empty();

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "300",
      description =
          "No request begins after so many seconds, and none takes longer; default:"
              + " ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description = "Model asked for; default: the first that the server lists.")
  private Optional<String> model = Optional.empty();

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the rows as JSON.")
  private Optional<Path> json = Optional.empty();

  private static final int MAX_STREAMS = 4096;
  private static final int MAX_TOKENS = 1 << 20;
  private static final int MAX_SECONDS = 3600;
  private static final int REQUESTS_OF_A_STREAM = 4;

  private final PrintStream out;

  LoadCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws InterruptedException {
    within("prompt", promptTokens, MAX_TOKENS);
    within("output", outputTokens, MAX_TOKENS);
    within("seconds", seconds, MAX_SECONDS);
    requests.ifPresent(count -> within("requests", count, MAX_TOKENS));
    for (int count : streams) {
      within("streams", count, MAX_STREAMS);
    }
    json.ifPresent(JsonReport::requireWritable);
    List<LoadRow> rows = new ArrayList<>();
    try (LoadClient client = new LoadClient(url, model, seconds)) {
      out.println(
          String.format(
              Locale.ROOT,
              "%s, model %s: prompts of %d tokens, answers of %d",
              url,
              client.model(),
              promptTokens,
              outputTokens));
      out.println(LoadRow.heading());
      for (int count : streams) {
        int asked = requests.orElse(REQUESTS_OF_A_STREAM * count);
        LoadRow row = new LoadRun(client, promptTokens, outputTokens).run(count, asked, seconds);
        out.println(row.line());
        row.failures()
            .forEach((reason, times) -> out.println("  failed: " + times + " x " + reason));
        rows.add(row);
      }
      json.ifPresent(file -> write(file, client.model(), rows));
    }
    return rows.stream().allMatch(row -> row.failures().isEmpty()) ? 0 : 1;
  }

  private static void within(String name, int value, int most) {
    if (value < 1 || value > most) {
      throw EngineException.invalidArgument(name, value, "1 to " + most);
    }
  }

  private void write(Path file, String served, List<LoadRow> rows) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("url", url.toString());
    facts.put("model", served);
    facts.put("prompt_tokens", promptTokens);
    facts.put("output_tokens", outputTokens);
    JsonReport.write(file, facts, rows.stream().map(LoadRow::toMap).toList());
  }
}
