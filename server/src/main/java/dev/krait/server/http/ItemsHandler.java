package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.reply.Reply;
import dev.krait.reply.ReplyEvent;
import dev.krait.server.openai.ItemAnswer;
import dev.krait.server.openai.OpenAiJson;
import dev.krait.server.service.TextPool;
import dev.krait.service.Finish;
import dev.krait.service.Generation;
import dev.krait.service.GenerationService;
import dev.krait.service.TextChunk;
import dev.krait.service.TextStream;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/// Answers endpoints whose answers are items or blocks, whole or as a stream of named events.
final class ItemsHandler implements HttpHandler {
  private static final Logger LOG = LoggerFactory.getLogger(ItemsHandler.class);

  private final GenerationService service;
  private final TextPool pool;
  private final ItemAnswer.Endpoint endpoint;
  private final InstantSource clock;

  /// Creates the handler of one endpoint.
  ///
  /// @param pool where bodies are parsed and prompts encoded
  ItemsHandler(
      GenerationService service, TextPool pool, ItemAnswer.Endpoint endpoint, InstantSource clock) {
    this.service = service;
    this.pool = pool;
    this.endpoint = endpoint;
    this.clock = clock;
  }

  private record Started(ItemAnswer.Asked asked, Generation generation) {}

  @Override
  public void handle(HttpExchange exchange) {
    Started started =
        pool.call(() -> {
          ItemAnswer.Asked asked = endpoint.parse(exchange.body(), exchange.requestId());
          return new Started(asked, service.start(asked.request().prompt(), exchange.client()));
        });
    try (Generation generation = started.generation()) {
      exchange.onHangUp(generation::cancel);
      exchange.countTokens(() -> generation.usage(1));
      ItemAnswer answer =
          started.asked().answers().make(clock.instant().getEpochSecond(), service.model().name());
      boolean streams = started.asked().request().response().stream();
      PartThreads.collect(
          generation,
          part -> {
            if (streams) {
              stream(exchange, part.stream(), answer);
            } else {
              whole(exchange, part.stream(), answer);
            }
            return part;
          });
    }
  }

  private static void whole(HttpExchange exchange, TextStream text, ItemAnswer answer) {
    List<ReplyEvent> events = new ArrayList<>();
    Optional<Finish> finish = Optional.empty();
    text.readWhole();
    while (finish.isEmpty()) {
      TextChunk chunk = text.next();
      events.addAll(chunk.events());
      finish = chunk.finish();
    }
    answer.begin(text.usage());
    String spoken = Reply.of(events).text();
    if (text.isPlain() && !spoken.isEmpty()) {
      answer.add(new ReplyEvent.TextDelta(text.wholeText(spoken)));
    } else {
      events.forEach(answer::add);
    }
    answer.end(finish.orElseThrow(), text.usage());
    exchange.respondJson(OpenAiJson.write(answer.whole()));
  }

  /// The response begins with the first chunk, so that a failure before it has its own status.
  private static void stream(HttpExchange exchange, TextStream text, ItemAnswer answer) {
    TextChunk chunk = text.next();
    SseWriter writer = exchange.stream();
    answer.begin(text.usage());
    try {
      boolean more = true;
      while (more) {
        chunk.events().forEach(answer::add);
        more = chunk.finish().isEmpty();
        if (!more) {
          answer.end(chunk.finish().orElseThrow(), text.usage());
        }
        send(writer, answer);
        if (more) {
          chunk = text.next();
        }
      }
    } catch (EngineException e) {
      if (e.code() == ErrorCode.CANCELLED) {
        throw e;
      }
      ErrorBody error = ErrorBody.of(e);
      LOG.warn("stream {} failed: {}", exchange.requestId(), e.getMessage());
      answer.fail(error.code(), error.message());
      send(writer, answer);
    }
    writer.end();
  }

  private static void send(SseWriter writer, ItemAnswer answer) {
    for (ObjectNode event : answer.take()) {
      writer.event(event.path("type").asString(), OpenAiJson.write(event));
    }
  }
}
