package dev.krait.constraint;

import java.util.List;
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
    this.parts = shape.parts.toArray(new Regex[0]);
    this.bytes = shape.bytes;
    this.min = shape.min;
    this.max = shape.max;
    this.decimals = shape.decimals;
    this.id = id;
    this.nullable = nullable;
    this.positive = positive;
  }

  /// What a language is made of.
  record Shape(
      Op op, List<Regex> parts, ByteSet bytes, int min, int max, @Nullable Decimals decimals) {
    static Shape of(Op op, Regex... parts) {
      return new Shape(op, List.of(parts), ByteSet.NONE, 0, 0, null);
    }

    static Shape of(ByteSet bytes) {
      return new Shape(Op.BYTES, List.of(), bytes, 0, 0, null);
    }

    static Shape of(Decimals decimals) {
      return new Shape(Op.DECIMALS, List.of(), ByteSet.NONE, 0, 0, decimals);
    }

    static Shape repeat(Regex part, int min, int max) {
      return new Shape(Op.REPEAT, List.of(part), ByteSet.NONE, min, max, null);
    }
  }
}
