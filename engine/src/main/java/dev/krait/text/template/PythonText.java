package dev.krait.text.template;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Writes values the way Python does: `str`, `repr` and `json.dumps`.
final class PythonText {
  private final StringBuilder out = new StringBuilder();
  private final Budget budget = Budget.current();
  private final @Nullable Json json;

  private PythonText(@Nullable Json json) {
    this.json = json;
  }

  /// How JSON is written: on one line for no indent.
  record Json(@Nullable String indent, String comma, String colon, boolean ascii, boolean sorted) {}

  /// What `{{ value }}` prints.
  static String print(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case String text -> text;
      default -> repr(value);
    };
  }

  static String repr(@Nullable Object value) {
    return new PythonText(null).write(value);
  }

  static String json(@Nullable Object value, Json json) {
    return new PythonText(json).write(value);
  }

  private String write(@Nullable Object value) {
    value(value, 0);
    return out.toString();
  }

  private void value(@Nullable Object value, int level) {
    budget.enter();
    switch (value) {
      case null -> {
        if (json != null) {
          throw TemplateException.evaluation("an undefined value is not JSON");
        }
        out.append("Undefined");
      }
      case None _ -> out.append(json != null ? "null" : "None");
      case Boolean truth -> out.append(json != null ? truth.toString() : truth ? "True" : "False");
      case Number number -> out.append(number(number, json != null));
      case String text -> quote(text);
      case Map<?, ?> map -> map(map, level);
      case Collection<?> list -> list(list, level);
      default -> throw TemplateException.evaluation("a " + Values.type(value) + " has no text");
    }
    budget.leave();
  }

  private void map(Map<?, ?> map, int level) {
    out.append('{');
    boolean first = true;
    for (Object key : json != null && json.sorted() ? sorted(map) : map.keySet()) {
      next(first, level + 1);
      if (json == null) {
        value(key, level + 1);
      } else {
        quote(String.valueOf(key));
      }
      mark(json == null ? ": " : json.colon());
      value(map.get(key), level + 1);
      first = false;
    }
    end(map.isEmpty(), level, '}');
  }

  private List<Object> sorted(Map<?, ?> map) {
    budget.work(map.size());
    List<Object> keys = new ArrayList<>(map.keySet());
    keys.sort(Values::compare);
    return keys;
  }

  private void list(Collection<?> list, int level) {
    boolean tuple = list instanceof Tuple && json == null;
    out.append(tuple ? '(' : '[');
    boolean first = true;
    for (Object item : list) {
      next(first, level + 1);
      value(item, level + 1);
      first = false;
    }
    out.append(tuple && list.size() == 1 ? "," : "");
    end(list.isEmpty(), level, tuple ? ')' : ']');
  }

  private void next(boolean first, int level) {
    if (!first) {
      mark(json == null ? ", " : json.comma());
    }
    line(level);
  }

  private void mark(String separator) {
    budget.text(separator.length());
    out.append(separator);
  }

  private void end(boolean empty, int level, char bracket) {
    if (!empty) {
      line(level);
    }
    out.append(bracket);
  }

  private void line(int level) {
    String indent = json == null ? null : json.indent();
    if (indent != null) {
      budget.text((long) indent.length() * level);
      out.append('\n').repeat(indent, level);
    }
  }

  private void quote(String text) {
    budget.text(text.length());
    boolean doubled = json != null || (text.indexOf('\'') >= 0 && text.indexOf('"') < 0);
    char quote = doubled ? '"' : '\'';
    out.append(quote);
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '\\' -> out.append("\\\\");
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            default -> {
              if (c == quote) {
                out.append('\\').append(quote);
              } else if (json == null ? isPrintable(c) : c >= ' ' && (c < 0x7f || !json.ascii())) {
                out.appendCodePoint(c);
              } else {
                escape(c);
              }
            }
          }
        });
    out.append(quote);
  }

  private static boolean isPrintable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR,
              Character.SPACE_SEPARATOR ->
              false;
          default -> true;
        };
  }

  private void escape(int c) {
    budget.work(1);
    if (json != null && (c == '\b' || c == '\f')) {
      out.append(c == '\b' ? "\\b" : "\\f");
    } else if (json == null) {
      hex(c, c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U");
    } else {
      for (char unit : Character.toChars(c)) {
        hex(unit, "\\u");
      }
    }
  }

  private void hex(int value, String prefix) {
    out.append(prefix);
    int digits = prefix.equals("\\x") ? 2 : prefix.equals("\\u") ? 4 : 8;
    for (int shift = 4 * digits - 4; shift >= 0; shift -= 4) {
      out.append(Character.forDigit(value >> shift & 0xf, 16));
    }
  }

  private static String number(Number number, boolean json) {
    if (Values.isInteger(number)) {
      return number.toString();
    }
    double value = number.doubleValue();
    if (Double.isNaN(value)) {
      return json ? "NaN" : "nan";
    }
    if (Double.isInfinite(value)) {
      return (value < 0 ? "-" : "") + (json ? "Infinity" : "inf");
    }
    BigDecimal digits = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = digits.precision() - digits.scale() - 1;
    if (exponent < -4 || exponent >= 16) {
      BigDecimal mantissa = digits.movePointLeft(exponent);
      return mantissa.toPlainString() + String.format("e%+03d", exponent);
    }
    String sign = value == 0 && 1 / value < 0 ? "-" : "";
    return sign + digits.toPlainString() + (digits.scale() > 0 ? "" : ".0");
  }
}
