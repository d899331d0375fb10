package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.openai.AnswerFormat;
import dev.krait.server.openai.AnswerHead;
import dev.krait.server.openai.Choice;
import dev.krait.server.openai.StreamChoice;
import dev.krait.service.Generation;
import dev.krait.service.TextChunk;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One answer as server-sent events.
///
/// The response begins with the first chunk, so that a failure before it still has its own status.
/// A failure after it becomes an event with an `error` object; `[DONE]` ends the stream either way.
final class StreamedAnswer {
  private static final Logger LOG = LoggerFactory.getLogger(StreamedAnswer.class);

  private final HttpExchange exchange;
  private final AnswerFormat format;
  private final AnswerHead head;
  private final Generation generation;
  private final int sequences;
  private final ReentrantLock lock = new ReentrantLock();
  private Optional<SseWriter> writer = Optional.empty();

  StreamedAnswer(
      HttpExchange exchange,
      AnswerFormat format,
      AnswerHead head,
      Generation generation,
      int sequences) {
    this.exchange = exchange;
    this.format = format;
    this.head = head;
    this.generation = generation;
    this.sequences = sequences;
  }

  void run() {
    try {
      PartThreads.collect(
          generation,
          part -> {
            pump(part);
            return part;
          });
    } catch (EngineException e) {
      failed(e);
      return;
    }
    if (head.options().includeUsage()) {
      writer().event(format.usageEvent(head, generation.usage(sequences)));
    }
    writer().done();
  }

  private void pump(Generation.Part part) {
    Optional<StreamChoice> choice = Optional.empty();
    boolean more = true;
    while (more) {
      TextChunk chunk = part.stream().next();
      StreamChoice sent =
          choice.orElseGet(
              () -> new StreamChoice(part.index(), view(part), part.stream().isPlain()));
      choice = Optional.of(sent);
      List<byte[]> events = format.events(head, sent, chunk, part.stream().usage());
      SseWriter sse = writer();
      for (byte[] event : events) {
        sse.event(event);
      }
      more = chunk.finish().isEmpty();
    }
  }

  private static Choice.PromptView view(Generation.Part part) {
    return new Choice.PromptView(part.promptIds(), part.echo(), part.stream().promptLogprobs());
  }

  private void failed(EngineException failure) {
    if (!exchange.isBegun() || failure.code() == ErrorCode.CANCELLED) {
      throw failure;
    }
    LOG.warn("stream {} failed: {}", head.id(), failure.getMessage());
    writer().event(ErrorBody.of(failure).json());
    writer().done();
  }

  private SseWriter writer() {
    lock.lock();
    try {
      SseWriter open = writer.orElseGet(exchange::stream);
      writer = Optional.of(open);
      return open;
    } finally {
      lock.unlock();
    }
  }
}
