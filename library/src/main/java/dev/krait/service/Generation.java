package dev.krait.service;

import dev.krait.generation.TokenIds;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/// The running sequences of one request. Closing it, once nobody reads them, ends whatever still
/// runs.
public final class Generation implements AutoCloseable {
  private final List<Part> parts;
  private final Runnable onClose;
  private final AtomicBoolean closed = new AtomicBoolean();

  /// One sequence.
  ///
  /// @param index place in the answer: prompts in order, the sequences of each together
  /// @param promptIds tokens of its prompt
  /// @param echo text of its prompt when the request wants it repeated, else empty
  /// @param stream its text
  public record Part(int index, TokenIds promptIds, String echo, TextStream stream) {}

  Generation(List<Part> parts, Runnable onClose) {
    this.parts = List.copyOf(parts);
    this.onClose = onClose;
  }

  /// The sequences in the order of the answer.
  public List<Part> parts() {
    return parts;
  }

  /// Asks the engine to end every sequence; any thread may, any number of times.
  public void cancel() {
    parts.forEach(part -> part.stream().cancel());
  }

  /// Counts over all sequences, each prompt once.
  ///
  /// @param sequences sequences of each prompt
  public Usage usage(int sequences) {
    Usage sum = Usage.NONE;
    for (Part part : parts) {
      Usage usage = part.stream().usage();
      boolean first = part.index() % sequences == 0;
      sum = sum.plus(first ? usage : usage.withoutPrompt());
    }
    return sum;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        cancel();
        parts.forEach(part -> part.stream().abandon());
      } finally {
        onClose.run();
      }
    }
  }
}
