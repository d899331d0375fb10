package dev.krait.template;

import java.math.BigInteger;

/// Numbers and strings as they stand in a source.
final class Literals {
  /// Python reads no int with more digits.
  static final int MAX_DIGITS = 4_300;

  private static final String SIMPLE = "abfnrtv\\'\"";
  private static final String MEANT = "\007\b\f\n\r\t\013\\'\"";

  private Literals() {}

  /// Where the float at a position ends, -1 when there is none.
  static int floatEnd(String source, int from) {
    int whole = digitsEnd(source, from);
    if (whole < 0) {
      return -1;
    }
    int end = whole;
    if (at(source, whole) == '.' && digitsEnd(source, whole + 1) > 0) {
      end = digitsEnd(source, whole + 1);
    }
    if ((at(source, end) | 0x20) == 'e') {
      int sign = at(source, end + 1) == '+' || at(source, end + 1) == '-' ? 1 : 0;
      int exponent = digitsEnd(source, end + 1 + sign);
      end = exponent > 0 ? exponent : end;
    }
    return end > whole ? end : -1;
  }

  /// Digits with single underscores between them.
  private static int digitsEnd(String source, int from) {
    int end = from;
    while (isDigit(at(source, end), 10)
        || (at(source, end) == '_' && end > from && isDigit(at(source, end + 1), 10))) {
      end++;
    }
    return end == from ? -1 : end;
  }

  static int integerEnd(String source, int from) {
    int radix = radix(source, from);
    boolean prefixed = radix != 10;
    boolean zero = !prefixed && at(source, from) == '0';
    int end = prefixed ? from + 2 : from + 1;
    while (true) {
      int digit = at(source, end) == '_' ? end + 1 : end;
      if (zero ? at(source, digit) != '0' : !isDigit(at(source, digit), radix)) {
        return prefixed && end == from + 2 ? from + 1 : end;
      }
      end = digit + 1;
    }
  }

  private static int radix(String source, int from) {
    return at(source, from) != '0'
        ? 10
        : switch (at(source, from + 1) | 0x20) {
          case 'b' -> 2;
          case 'o' -> 8;
          case 'x' -> 16;
          default -> 10;
        };
  }

  static Object integer(String text, int line) {
    int radix = radix(text, 0);
    String digits = (radix == 10 ? text : text.substring(2)).replace("_", "");
    if (digits.length() > MAX_DIGITS) {
      throw TemplateException.syntax(line, "an integer of " + digits.length() + " digits");
    }
    return Numbers.of(new BigInteger(digits, radix));
  }

  static int stringEnd(String source, int from) {
    char quote = source.charAt(from);
    for (int i = from + 1; i < source.length(); i++) {
      if (source.charAt(i) == quote) {
        return i + 1;
      }
      i += source.charAt(i) == '\\' ? 1 : 0;
    }
    return -1;
  }

  /// What a string with the escapes of Python stands for; unknown ones stay as they are.
  static String unescaped(String text, int line) {
    if (text.indexOf('\\') < 0) {
      return text;
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      char c = text.charAt(i);
      if (c != '\\') {
        out.append(c);
        i++;
        continue;
      }
      char escape = at(text, i + 1);
      int simple = SIMPLE.indexOf(escape);
      if (simple >= 0) {
        out.append(MEANT.charAt(simple));
        i += 2;
      } else if (escape == '\n') {
        i += 2;
      } else if (isDigit(escape, 8)) {
        int end = i + 2;
        while (end < i + 4 && isDigit(at(text, end), 8)) {
          end++;
        }
        out.appendCodePoint(Integer.parseInt(text.substring(i + 1, end), 8));
        i = end;
      } else {
        i = longEscape(text, i, out, line);
      }
    }
    return out.toString();
  }

  private static int longEscape(String text, int from, StringBuilder out, int line) {
    char escape = at(text, from + 1);
    if (escape == 'N') {
      int end = text.indexOf('}', from);
      if (at(text, from + 2) == '{' && end > 0) {
        try {
          out.appendCodePoint(Character.codePointOf(text.substring(from + 3, end)));
          return end + 1;
        } catch (IllegalArgumentException e) {
          throw TemplateException.syntax(line, "unknown Unicode character name");
        }
      }
      throw TemplateException.syntax(line, "malformed \\N character escape");
    }
    int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
    if (digits == 0) {
      out.append('\\');
      if (escape > 0x7f) {
        // Python escapes what is not ASCII first, so that the two backslashes become one.
        out.append(
            Text.hex(text.codePointAt(from + 1)), 1, Text.hex(text.codePointAt(from + 1)).length());
        return from + 1 + Character.charCount(text.codePointAt(from + 1));
      }
      return from + 1;
    }
    long value = 0;
    for (int i = from + 2; i < from + 2 + digits; i++) {
      if (!isDigit(at(text, i), 16)) {
        throw TemplateException.syntax(
            line, "truncated \\" + escape + "X".repeat(digits) + " escape");
      }
      value = value * 16 + Character.digit(text.charAt(i), 16);
    }
    if (value > Character.MAX_CODE_POINT) {
      throw TemplateException.syntax(line, "illegal Unicode character");
    }
    out.appendCodePoint((int) value);
    return from + 2 + digits;
  }

  private static boolean isDigit(char c, int radix) {
    return c < 0x80 && Character.digit(c, radix) >= 0;
  }

  private static char at(String text, int index) {
    return index < text.length() ? text.charAt(index) : 0;
  }
}
