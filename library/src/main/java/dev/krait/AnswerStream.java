package dev.krait;

import dev.krait.error.EngineException;
import dev.krait.reply.Reply;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.service.Finish;
import dev.krait.service.Generation;
import dev.krait.service.TextChunk;
import dev.krait.service.TextStream;
import dev.krait.service.Usage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Flow;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// An answer while the model generates it: read once, by a loop, by a subscriber, or as a whole.
///
/// Whoever stops reading early closes it, which ends the generation; what was read to its end is
/// closed by that. Any thread may cancel; the reader closes.
public final class AnswerStream
    implements Iterable<ReplyEvent>, Flow.Publisher<ReplyEvent>, AutoCloseable {
  /// Events that are generated ahead of a slow subscriber.
  private static final int AHEAD = 64;

  private final Generation generation;
  private final TextStream stream;
  private final AtomicBoolean taken = new AtomicBoolean();
  private final List<ReplyEvent> events = new ArrayList<>();
  private final Queue<ReplyEvent> unread = new ArrayDeque<>();
  private volatile @Nullable Answer answer;

  AnswerStream(Generation generation) {
    this.generation = generation;
    this.stream = generation.parts().getFirst().stream();
  }

  /// The events of the answer, each as soon as it is generated; `next` waits for it.
  ///
  /// @throws IllegalStateException when it is read already
  @Override
  public Iterator<ReplyEvent> iterator() {
    take();
    return new Events();
  }

  /// Gives out the text of the answer, piece by piece, and returns when it is over.
  ///
  /// @throws EngineException what the generation failed with
  public void forEachText(Consumer<String> out) {
    for (ReplyEvent event : this) {
      if (event instanceof TextDelta delta) {
        out.accept(delta.text());
      }
    }
  }

  /// The whole answer: what is not read yet is waited for.
  ///
  /// @throws EngineException what the generation failed with
  /// @throws IllegalStateException while a loop or a subscriber reads it
  public Answer answer() {
    Answer known = answer;
    if (known != null) {
      return known;
    }
    take();
    return rest();
  }

  /// Tokens that were counted so far.
  public Usage usage() {
    return stream.usage();
  }

  /// The whole answer, without a wake-up for each token.
  Answer whole() {
    take();
    stream.readWhole();
    return rest();
  }

  /// Gives the events to one subscriber, from a virtual thread. A subscriber that is slow, or
  /// cancels, makes the generation wait, or ends it. A second one is refused.
  @Override
  public void subscribe(Flow.Subscriber<? super ReplyEvent> subscriber) {
    Objects.requireNonNull(subscriber);
    SubmissionPublisher<ReplyEvent> publisher =
        new SubmissionPublisher<>(task -> Thread.ofVirtual().start(task), AHEAD);
    if (!taken.compareAndSet(false, true)) {
      publisher.closeExceptionally(read());
      publisher.subscribe(subscriber);
      return;
    }
    publisher.subscribe(subscriber);
    Thread.ofVirtual().name("krait-answer").start(() -> publish(publisher));
  }

  private void publish(SubmissionPublisher<ReplyEvent> publisher) {
    Iterator<ReplyEvent> all = new Events();
    try (this) {
      while (publisher.hasSubscribers() && all.hasNext()) {
        publisher.submit(all.next());
      }
      publisher.close();
    } catch (Throwable e) {
      publisher.closeExceptionally(e);
    }
  }

  /// Ends the generation; whoever reads is thrown CANCELLED.
  public void cancel() {
    generation.cancel();
  }

  /// Ends the generation if it still runs.
  @Override
  public void close() {
    generation.close();
  }

  private void take() {
    if (!taken.compareAndSet(false, true)) {
      throw read();
    }
  }

  private static IllegalStateException read() {
    return new IllegalStateException("the answer is read already (expected: one reader)");
  }

  private Answer rest() {
    Iterator<ReplyEvent> all = new Events();
    while (all.hasNext()) {
      all.next();
    }
    Answer whole = answer;
    if (whole == null) {
      throw new IllegalStateException("the answer has no end");
    }
    return whole;
  }

  /// Waits for the next chunk; the last one completes the answer and frees its place.
  private void readChunk() {
    TextChunk chunk;
    try {
      chunk = stream.next();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    unread.addAll(chunk.events());
    events.addAll(chunk.events());
    Optional<Finish> finish = chunk.finish();
    if (finish.isPresent()) {
      Reply reply = Reply.of(events);
      answer =
          new Answer(
              stream.wholeText(reply.text()),
              reply.reasoning(),
              reply.calls(),
              finish.get(),
              stream.usage());
      close();
    }
  }

  private final class Events implements Iterator<ReplyEvent> {
    @Override
    public boolean hasNext() {
      while (unread.isEmpty() && answer == null) {
        readChunk();
      }
      return !unread.isEmpty();
    }

    @Override
    public ReplyEvent next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return unread.remove();
    }
  }
}
