package dev.krait.reply;

import dev.krait.reply.ReplyEvent.ToolCallStart;
import java.util.function.LongSupplier;

/// Gives out the calls of a reply, numbered and named.
final class CallLog {
  private static final String ALPHABET =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  private static final int NINE = 9;

  private final ReplyRequest request;
  private final ToolFormat.Ids ids;
  private final LongSupplier random;
  private final ReplyEvents events;

  /// Events of a call that is given out when it is whole.
  private final ReplyEvents kept = new ReplyEvents();

  private int calls;
  private boolean begun;

  /// Creates it.
  ///
  /// @param random numbers that names of calls are made of
  /// @param events where calls go
  CallLog(ReplyRequest request, ToolFormat.Ids ids, LongSupplier random, ReplyEvents events) {
    this.request = request;
    this.ids = ids;
    this.random = random;
    this.events = events;
  }

  Tools tools() {
    return request.tools();
  }

  /// Calls that were given out whole, and the one that is being given out.
  int count() {
    return calls + (isGivenOut() ? 1 : 0);
  }

  /// Whether a client has seen part of the call that is being read.
  boolean isGivenOut() {
    return begun && !holds();
  }

  void begin(String name, String id) {
    begun = true;
    kept.take();
    target().start(new ToolCallStart(calls, id.isEmpty() ? id() : id, name));
  }

  void arguments(String piece) {
    target().arguments(calls, piece);
  }

  void end() {
    if (isWanted() && holds()) {
      kept.take().forEach(events::add);
    }
    begun = false;
    calls++;
  }

  /// Forgets a call that was not given out.
  void drop() {
    begun = false;
  }

  private boolean isWanted() {
    return request.use().parallel() || calls == 0;
  }

  /// Whether a call is kept back until it is whole: so that it can still become text.
  private boolean holds() {
    return request.whole() && request.named().isEmpty();
  }

  private ReplyEvents target() {
    return holds() || !isWanted() ? kept : events;
  }

  private String id() {
    if (ids != ToolFormat.Ids.NINE) {
      return "call_%016x%08x".formatted(random.getAsLong(), (int) random.getAsLong());
    }
    StringBuilder id = new StringBuilder(NINE);
    long bits = random.getAsLong() >>> 1;
    for (int i = 0; i < NINE; i++) {
      id.append(ALPHABET.charAt((int) (bits % ALPHABET.length())));
      bits /= ALPHABET.length();
    }
    return id.toString();
  }
}
