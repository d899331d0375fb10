package dev.krait.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// Python's `str` and `repr`.
final class Printer {
  private final Budget budget;

  Printer(Budget budget) {
    this.budget = budget;
  }

  /// What printing the value shows.
  String text(Object value) {
    return switch (value) {
      case String text -> text;
      case Undefined undefined -> "";
      default -> repr(value);
    };
  }

  /// The value as Python source.
  String repr(Object value) {
    StringBuilder out = new StringBuilder();
    repr(value, out);
    return out.toString();
  }

  private void repr(Object value, StringBuilder out) {
    budget.step();
    switch (value) {
      case String text -> quote(text, out);
      case None none -> out.append("None");
      case Undefined undefined -> out.append("Undefined");
      case Boolean flag -> out.append(flag ? "True" : "False");
      case Long number -> out.append((long) number);
      case BigInteger number -> out.append(number);
      case Double number -> out.append(real(number));
      case Tuple tuple -> list(tuple, out, "(", tuple.size() == 1 ? ",)" : ")");
      case List<?> list -> list(list, out, "[", "]");
      case Map<?, ?> map -> map(map, out);
      default -> out.append('<').append(Values.typeName(value)).append('>');
    }
  }

  private void list(List<?> list, StringBuilder out, String open, String close) {
    budget.enter();
    out.append(open);
    for (int i = 0; i < list.size(); i++) {
      out.append(i == 0 ? "" : ", ");
      repr(list.get(i), out);
    }
    out.append(close);
    budget.leave();
  }

  private void map(Map<?, ?> map, StringBuilder out) {
    budget.enter();
    out.append('{');
    String separator = "";
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      out.append(separator);
      separator = ", ";
      repr(Objects.requireNonNull(entry.getKey()), out);
      out.append(": ");
      repr(Objects.requireNonNull(entry.getValue()), out);
    }
    out.append('}');
    budget.leave();
  }

  private void quote(String text, StringBuilder out) {
    budget.text((long) out.length() + text.length());
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    text.codePoints()
        .forEach(point -> {
          switch (point) {
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            case '\\' -> out.append("\\\\");
            default -> {
              if (point == quote) {
                out.append('\\').append(quote);
              } else {
                printable(point, out);
              }
            }
          }
        });
    out.append(quote);
  }

  private static void printable(int point, StringBuilder out) {
    boolean printable =
        switch (Character.getType(point)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR ->
              false;
          case Character.SPACE_SEPARATOR -> point == ' ';
          default -> true;
        };
    if (printable) {
      out.appendCodePoint(point);
    } else if (point < 0x100) {
      out.append(String.format("\\x%02x", point));
    } else {
      out.append(String.format(point < 0x10000 ? "\\u%04x" : "\\U%08x", point));
    }
  }

  /// Python's shortest form of a real number.
  static String real(double number) {
    if (Double.isNaN(number)) {
      return "nan";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "inf" : "-inf";
    }
    if (number == 0) {
      return 1 / number < 0 ? "-0.0" : "0.0";
    }
    BigDecimal shortest = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    String digits = shortest.unscaledValue().abs().toString();
    int exponent = digits.length() - shortest.scale() - 1;
    String sign = number < 0 ? "-" : "";
    if (exponent < -4 || exponent >= 16) {
      String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
      return String.format(
          "%s%s%se%s%02d",
          sign, digits.charAt(0), fraction, exponent < 0 ? "-" : "+", Math.abs(exponent));
    }
    String plain = shortest.abs().toPlainString();
    return sign + (plain.contains(".") ? plain : plain + ".0");
  }
}
