package dev.krait.text;

import java.util.List;

/// A part of a regular expression: a character, a class, an assertion or a group, and how often.
///
/// @param atom its spelling without the repetition
/// @param group what a group may be, one list for each alternative; empty for anything else
/// @param kind what it is
/// @param min least repetitions
/// @param max most repetitions, or [#UNBOUNDED]
record PatternPart(String atom, List<List<PatternPart>> group, Kind kind, int min, int max) {
  /// More ways than anyone counts.
  private static final double MAX_WAYS = 1e15;

  /// No bound.
  static final int UNBOUNDED = Integer.MAX_VALUE;

  /// What a part is.
  enum Kind {
    /// One character.
    CHARACTER,
    /// A position: `^`, `$`, `\b`.
    POSITION,
    /// `(?:...)`, `(...)` or `(?i:...)`.
    GROUP,
    /// `(?=...)`, `(?!...)`, `(?<=...)` or `(?<!...)`.
    LOOKAROUND
  }

  boolean isLookaround() {
    return kind == Kind.LOOKAROUND;
  }

  /// Whether neither it nor anything inside repeats without a bound.
  boolean isBounded() {
    return max != UNBOUNDED && isBoundedInside();
  }

  /// Whether nothing inside repeats without a bound.
  boolean isBoundedInside() {
    return group.stream().flatMap(List::stream).allMatch(PatternPart::isBounded);
  }

  /// Whether it may match nothing but what comes behind.
  boolean canFail() {
    return min > 0;
  }

  /// Whether it may match texts of different length.
  boolean varies() {
    return min != max
        || group.size() > 1
        || group.stream().flatMap(List::stream).anyMatch(PatternPart::varies);
  }

  /// In how many ways it may match, at most, where it has a bound.
  long ways() {
    double inside = 0;
    for (List<PatternPart> alternative : group) {
      double product = 1;
      for (PatternPart part : alternative) {
        product *= part.ways();
      }
      inside += product;
    }
    double once = group.isEmpty() ? 1 : inside;
    double repetitions = max == UNBOUNDED ? 1 : (double) max - min + 1;
    return (long) Math.min(MAX_WAYS, once * repetitions);
  }
}
