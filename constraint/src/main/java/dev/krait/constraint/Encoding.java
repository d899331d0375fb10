package dev.krait.constraint;

import dev.krait.constraint.CharacterSet.Range;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// How characters become bytes: as UTF-8, or as UTF-8 inside of a JSON string.
///
/// A JSON string has every character in each spelling that the set of allowed texts knows: itself,
/// the short escape where there is one and must be, `\\uXXXX` for control characters and those
/// beyond ASCII. So the complement of a language is right for every spelling.
final class Encoding {
  private static final String SHORT = "\b\t\n\f\r\"\\";
  private static final String SHORT_LETTERS = "btnfr\"\\";
  private static final int[] UTF8_LAST = {0x7f, 0x7ff, 0xffff, CharacterSet.LAST};

  private final Languages languages;
  private final boolean json;

  /// Any one character.
  final Regex any;

  /// Any text.
  final Regex all;

  Encoding(Languages languages, boolean json) {
    this.languages = languages;
    this.json = json;
    any = characters(CharacterSet.ALL);
    all = languages.star(any);
  }

  boolean json() {
    return json;
  }

  /// One character of a set.
  Regex characters(CharacterSet set) {
    return languages.once(List.of(json, set), () -> make(set));
  }

  private Regex make(CharacterSet set) {
    List<Regex> ways = new ArrayList<>();
    CharacterSet plain = set.and(CharacterSet.of(0xd800, 0xdfff).not());
    CharacterSet raw =
        json ? plain.and(CharacterSet.of(0, 0x1f, '"', '"', '\\', '\\').not()) : plain;
    raw.ranges().forEach(range -> utf8(range, ways));
    if (json) {
      for (int i = 0; i < SHORT.length(); i++) {
        if (set.has(SHORT.charAt(i))) {
          ways.add(languages.text("\\" + SHORT_LETTERS.charAt(i)));
        }
      }
      plain
          .and(CharacterSet.of(0, 0x1f, 0x80, 0xffff))
          .ranges()
          .forEach(range ->
              ways.add(languages.concat(languages.text("\\u"), hex(range.first(), range.last()))));
      plain
          .and(CharacterSet.of(0x10000, CharacterSet.LAST))
          .ranges()
          .forEach(range -> pairs(range.first() - 0x10000, range.last() - 0x10000, ways));
    }
    return languages.or(ways);
  }

  /// A text with each character in all of its spellings.
  Regex text(String text) {
    Regex regex = languages.empty;
    int[] points = text.codePoints().toArray();
    for (int i = points.length - 1; i >= 0; i--) {
      regex = languages.concat(characters(CharacterSet.of(points[i], points[i])), regex);
    }
    return regex;
  }

  /// The one spelling that most writers of JSON use, without quotes.
  static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          int place = c < 0x80 ? SHORT.indexOf(c) : -1;
          if (place >= 0) {
            out.append('\\').append(SHORT_LETTERS.charAt(place));
          } else if (c < 0x20) {
            out.append(String.format(Locale.ROOT, "\\u%04x", c));
          } else {
            out.appendCodePoint(c);
          }
        });
    return out.toString();
  }

  private void utf8(Range range, List<Regex> ways) {
    int first = range.first();
    for (int length = 1; length <= 4; length++) {
      int last = Math.min(range.last(), UTF8_LAST[length - 1]);
      if (first <= last) {
        ways.add(utf8(first, last, length));
        first = last + 1;
      }
    }
  }

  private Regex utf8(int first, int last, int length) {
    int lead = length == 1 ? 0 : (0xf00 >> length) & 0xff;
    return digits(
        first,
        last,
        6 * (length - 1),
        6,
        (shift, from, to) -> {
          int mark = shift == 6 * (length - 1) ? lead : 0x80;
          return languages.bytes(ByteSet.range(mark | from, mark | to));
        });
  }

  private Regex hex(int first, int last) {
    return digits(first, last, 12, 4, (shift, from, to) -> hexDigit(from, to));
  }

  private Regex hexDigit(int from, int to) {
    ByteSet set = ByteSet.NONE;
    for (int value = from; value <= to; value++) {
      char digit = Character.forDigit(value, 16);
      set = set.or(ByteSet.of(digit)).or(ByteSet.of(Character.toUpperCase(digit)));
    }
    return languages.bytes(set);
  }

  private interface Digit {
    Regex of(int shift, int from, int to);
  }

  /// Numbers of a range, digit by digit from the highest; the lower ones have so many bits each.
  private Regex digits(int first, int last, int shift, int bits, Digit digit) {
    int low = first >> shift;
    int high = last >> shift;
    if (shift == 0) {
      return digit.of(0, low, high);
    }
    int mask = (1 << shift) - 1;
    List<Regex> ways = new ArrayList<>();
    if (low == high) {
      return languages.concat(
          digit.of(shift, low, low), digits(first & mask, last & mask, shift - bits, bits, digit));
    }
    if ((first & mask) != 0) {
      ways.add(
          languages.concat(
              digit.of(shift, low, low), digits(first & mask, mask, shift - bits, bits, digit)));
      low++;
    }
    boolean partial = (last & mask) != mask;
    if (partial) {
      ways.add(
          languages.concat(
              digit.of(shift, high, high), digits(0, last & mask, shift - bits, bits, digit)));
      high--;
    }
    if (low <= high) {
      ways.add(
          languages.concat(digit.of(shift, low, high), digits(0, mask, shift - bits, bits, digit)));
    }
    return languages.or(ways);
  }

  /// Characters beyond the basic plane, counted from its end, as two escapes.
  private void pairs(int first, int last, List<Regex> ways) {
    int low = first >> 10;
    int high = last >> 10;
    if (low == high) {
      ways.add(pair(low, high, first & 0x3ff, last & 0x3ff));
      return;
    }
    if ((first & 0x3ff) != 0) {
      ways.add(pair(low, low, first & 0x3ff, 0x3ff));
      low++;
    }
    if ((last & 0x3ff) != 0x3ff) {
      ways.add(pair(high, high, 0, last & 0x3ff));
      high--;
    }
    if (low <= high) {
      ways.add(pair(low, high, 0, 0x3ff));
    }
  }

  private Regex pair(int high, int highLast, int low, int lowLast) {
    Regex first = languages.concat(languages.text("\\u"), hex(0xd800 + high, 0xd800 + highLast));
    Regex second = languages.concat(languages.text("\\u"), hex(0xdc00 + low, 0xdc00 + lowLast));
    return languages.concat(first, second);
  }
}
