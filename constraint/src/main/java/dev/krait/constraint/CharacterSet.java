package dev.krait.constraint;

import java.util.ArrayList;
import java.util.List;

/// A set of Unicode characters as ranges `[first, last]` in order, without surrogates. Immutable.
record CharacterSet(List<Range> ranges) {
  record Range(int first, int last) {}

  static final int LAST = 0x10ffff;
  static final CharacterSet NONE = new CharacterSet(List.of());
  static final CharacterSet ALL = of(0, LAST);

  static CharacterSet of(int... bounds) {
    CharacterSet set = NONE;
    for (int i = 0; i < bounds.length; i += 2) {
      set = set.or(new CharacterSet(List.of(new Range(bounds[i], bounds[i + 1]))));
    }
    return set;
  }

  CharacterSet or(CharacterSet other) {
    List<Range> all = new ArrayList<>(ranges);
    all.addAll(other.ranges);
    all.sort(java.util.Comparator.comparingInt(Range::first));
    List<Range> merged = new ArrayList<>();
    for (Range each : all) {
      if (!merged.isEmpty() && each.first <= merged.getLast().last + 1) {
        Range before = merged.removeLast();
        merged.add(new Range(before.first, Math.max(before.last, each.last)));
      } else {
        merged.add(each);
      }
    }
    return new CharacterSet(List.copyOf(merged));
  }

  CharacterSet not() {
    List<Range> gaps = new ArrayList<>();
    int from = 0;
    for (Range each : ranges) {
      if (each.first > from) {
        gaps.add(new Range(from, each.first - 1));
      }
      from = each.last + 1;
    }
    if (from <= LAST) {
      gaps.add(new Range(from, LAST));
    }
    return new CharacterSet(List.copyOf(gaps));
  }

  CharacterSet and(CharacterSet other) {
    return not().or(other.not()).not();
  }

  /// With the other case of each ASCII letter in it.
  CharacterSet inBothCases() {
    CharacterSet both = this;
    for (int letter = 'a'; letter <= 'z'; letter++) {
      if (has(letter) || has(letter - 32)) {
        both = both.or(of(letter, letter, letter - 32, letter - 32));
      }
    }
    return both;
  }

  boolean has(int character) {
    return ranges.stream().anyMatch(each -> each.first <= character && character <= each.last);
  }
}
