package dev.krait.constraint;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// Where a text stands in a constraint. Keeping one is all that a rollback needs.
///
/// What it remembers belongs to its [Constraint], under whose lock it is read and written.
public final class State {
  /// A place inside of a terminal, and the stack below it.
  record Place(Node.Terminal terminal, Regex at, @Nullable Frame frame) {}

  final List<Place> places;

  /// Whether the text may end here.
  final boolean complete;

  private final @Nullable State[] next = new State[256];
  private final long[] known = new long[4];
  @Nullable TokenMask mask;

  State(List<Place> places, boolean complete) {
    this.places = places;
    this.complete = complete;
  }

  /// Whether the text may end here.
  public boolean isComplete() {
    return complete;
  }

  boolean knows(int value) {
    return (known[value >> 6] >>> (value & 63) & 1) != 0;
  }

  @Nullable State next(int value) {
    return next[value];
  }

  void put(int value, @Nullable State state) {
    next[value] = state;
    known[value >> 6] |= 1L << (value & 63);
  }
}
