package dev.krait.constraint;

import java.util.BitSet;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What follows when a rule, an entry or a repetition ends: a stack that shares its lower part.
/// Immutable.
final class Frame {
  /// The punctuation of an object or an array, and whether its entries have an order.
  record Text(Node comma, Node close, boolean ordered) {}

  /// What stands before the next entry.
  enum Phase {
    OPEN,
    COMMA,
    VALUE
  }

  /// How far an object, an array or a repetition has come: the next place, how many there are, and
  /// which entries there were where their order is free.
  record Progress(Phase phase, int place, int count, @Nullable BitSet seen) {
    static final Progress START = new Progress(Phase.OPEN, 0, 0, null);

    Progress in(Phase next) {
      return new Progress(next, place, count, seen);
    }
  }

  final Node node;
  final Progress progress;
  final @Nullable Frame parent;
  final int depth;
  private final int hash;

  Frame(Node node, Progress progress, @Nullable Frame parent) {
    this.node = node;
    this.progress = progress;
    this.parent = parent;
    depth = parent == null ? 1 : parent.depth + 1;
    hash =
        (System.identityHashCode(node) * 31 + progress.hashCode()) * 31
            + (parent == null ? 0 : parent.hash);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other || (other instanceof Frame frame && isSame(frame));
  }

  private boolean isSame(Frame o) {
    return hash == o.hash
        && node == o.node
        && progress.equals(o.progress)
        && Objects.equals(parent, o.parent);
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
