package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.reply.Reply;
import dev.krait.reply.ReplyEvent;
import dev.krait.server.openai.AnswerFormat;
import dev.krait.server.openai.AnswerHead;
import dev.krait.server.openai.Choice;
import dev.krait.server.openai.OpenAiRequest;
import dev.krait.server.openai.TokenNames;
import dev.krait.server.service.TextPool;
import dev.krait.service.Finish;
import dev.krait.service.Generation;
import dev.krait.service.GenerationService;
import dev.krait.service.TextChunk;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// Answers `/v1/completions` and `/v1/chat/completions`, whole or as a stream.
public final class GenerateHandler implements HttpHandler {
  private final GenerationService service;
  private final TextPool pool;
  private final AnswerFormat format;
  private final TokenNames names;
  private final InstantSource clock;

  /// Creates the handler of one endpoint.
  ///
  /// @param pool where bodies are parsed and prompts encoded
  /// @param format what the endpoint reads and writes
  /// @param names texts of single tokens
  public GenerateHandler(
      GenerationService service,
      TextPool pool,
      AnswerFormat format,
      TokenNames names,
      InstantSource clock) {
    this.service = service;
    this.pool = pool;
    this.format = format;
    this.names = names;
    this.clock = clock;
  }

  @Override
  public void handle(HttpExchange exchange) {
    Started started = pool.call(() -> start(exchange));
    OpenAiRequest request = started.request();
    try (Generation generation = started.generation()) {
      AnswerHead head =
          new AnswerHead(
              format.idPrefix() + request.prompt().id(),
              clock.instant().getEpochSecond(),
              service.model().name(),
              request.response(),
              request.prompt().output(),
              names);
      int sequences = request.prompt().sequences();
      exchange.onHangUp(generation::cancel);
      exchange.countTokens(() -> generation.usage(sequences));
      if (request.response().stream()) {
        new StreamedAnswer(exchange, format, head, generation, sequences).run();
      } else {
        List<Choice> choices = PartThreads.collect(generation, GenerateHandler::read);
        exchange.respondJson(format.whole(head, choices, generation.usage(sequences)));
      }
    }
  }

  /// A request whose sequences run.
  private record Started(OpenAiRequest request, Generation generation) {}

  private Started start(HttpExchange exchange) {
    OpenAiRequest request = format.parse(exchange.body(), exchange.requestId());
    return new Started(request, service.start(request.prompt(), exchange.client()));
  }

  private static Choice read(Generation.Part part) {
    List<ReplyEvent> events = new ArrayList<>();
    IntStream.Builder ids = IntStream.builder();
    List<TokenLogprobs> logprobs = new ArrayList<>();
    Optional<Finish> finish = Optional.empty();
    part.stream().readWhole();
    while (finish.isEmpty()) {
      TextChunk chunk = part.stream().next();
      events.addAll(chunk.events());
      for (int i = 0; i < chunk.ids().size(); i++) {
        ids.add(chunk.ids().at(i));
      }
      logprobs.addAll(chunk.logprobs());
      finish = chunk.finish();
    }
    Reply reply = Reply.of(events);
    return new Choice(
        part.index(),
        new Choice.PromptView(part.promptIds(), part.echo(), part.stream().promptLogprobs()),
        reply.withText(part.stream().wholeText(reply.text())),
        TokenIds.of(ids.build().toArray()),
        logprobs,
        finish.orElseThrow(
            () -> new EngineException(ErrorCode.INTERNAL, "a sequence without an end")));
  }
}
