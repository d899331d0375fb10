package dev.krait.constraint;

import org.jspecify.annotations.Nullable;

/// A regular language over bytes, and at the same time a state of the automaton that recognises it:
/// its derivatives are the states behind it. Made by [Languages] alone, which makes equal ones
/// once, so that they are compared by identity.
final class Regex {
  enum Op {
    NOTHING,
    EMPTY,
    BYTES,
    CONCAT,
    OR,
    AND,
    NOT,
    REPEAT,
    DECIMALS
  }

  final Op op;
  final Regex[] parts;
  final ByteSet bytes;
  final int min;

  /// No limit: -1.
  final int max;

  final @Nullable Decimals decimals;
  final int id;

  /// Whether the empty text belongs to the language.
  final boolean nullable;

  /// Whether it is made without complement and intersection, so that no state is a dead end.
  final boolean positive;

  /// Class of each byte: bytes of one class lead to the same state.
  byte @Nullable [] classes;

  @Nullable Regex @Nullable [] next;
  @Nullable Boolean nothing;

  /// The plain tokens that are allowed here inside of a string, once somebody asked.
  long @Nullable [] plain;

  Regex(Shape shape, int id, boolean nullable, boolean positive) {
    this.op = shape.op;
    this.parts = shape.parts;
    this.bytes = shape.bytes;
    this.min = shape.min;
    this.max = shape.max;
    this.decimals = shape.decimals;
    this.id = id;
    this.nullable = nullable;
    this.positive = positive;
  }

  /// What a language is made of.
  record Shape(Op op, Regex[] parts, ByteSet bytes, int min, int max, @Nullable Decimals decimals) {
    private static final Regex[] NONE = {};

    static Shape of(Op op, Regex... parts) {
      return new Shape(op, parts, ByteSet.NONE, 0, 0, null);
    }

    static Shape of(ByteSet bytes) {
      return new Shape(Op.BYTES, NONE, bytes, 0, 0, null);
    }

    static Shape of(Decimals decimals) {
      return new Shape(Op.DECIMALS, NONE, ByteSet.NONE, 0, 0, decimals);
    }

    static Shape repeat(Regex part, int min, int max) {
      return new Shape(Op.REPEAT, new Regex[] {part}, ByteSet.NONE, min, max, null);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      if (!(other instanceof Shape o)
          || op != o.op
          || min != o.min
          || max != o.max
          || parts.length != o.parts.length
          || !bytes.equals(o.bytes)
          || !java.util.Objects.equals(decimals, o.decimals)) {
        return false;
      }
      for (int i = 0; i < parts.length; i++) {
        if (parts[i] != o.parts[i]) {
          return false;
        }
      }
      return true;
    }

    @Override
    public int hashCode() {
      int hash = op.ordinal() * 31 + min;
      hash = hash * 31 + max;
      for (Regex part : parts) {
        hash = hash * 31 + part.id;
      }
      return hash * 31
          + (op == Op.BYTES ? bytes.hashCode() : 0)
          + (decimals == null ? 0 : decimals.hashCode());
    }
  }
}
