package dev.krait.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Writes values the way Python does: `str`, `repr` and `json.dumps` without ASCII escapes.
final class PythonText {
  private final StringBuilder out = new StringBuilder();
  private final Budget budget = Budget.current();
  private final boolean json;
  private final int indent;

  private PythonText(boolean json, int indent) {
    this.json = json;
    this.indent = indent;
  }

  /// What `{{ value }}` prints.
  static String print(@Nullable Object value) {
    return switch (value) {
      case null -> "";
      case String text -> text;
      default -> new PythonText(false, -1).write(value);
    };
  }

  /// JSON on one line, or on many for an indent of zero and more.
  static String json(@Nullable Object value, int indent) {
    return new PythonText(true, indent).write(value);
  }

  private String write(@Nullable Object value) {
    value(value, 0);
    return out.toString();
  }

  private void value(@Nullable Object value, int level) {
    budget.enter();
    switch (value) {
      case null -> {
        if (json) {
          throw TemplateException.evaluation("an undefined value is not JSON");
        }
        out.append("Undefined");
      }
      case None _ -> out.append(json ? "null" : "None");
      case Boolean truth -> out.append(json ? truth.toString() : truth ? "True" : "False");
      case Number number -> out.append(number(number, json));
      case String text -> quote(text);
      case Map<?, ?> map -> map(map, level);
      case Collection<?> list -> list(list, level);
      default -> throw TemplateException.evaluation("a " + Values.type(value) + " has no text");
    }
    budget.leave();
  }

  private void map(Map<?, ?> map, int level) {
    out.append('{');
    String comma = "";
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      next(comma, level + 1);
      quote(String.valueOf(entry.getKey()));
      out.append(": ");
      value(entry.getValue(), level + 1);
      comma = ",";
    }
    end(map.isEmpty(), level, '}');
  }

  private void list(Collection<?> list, int level) {
    boolean tuple = list instanceof Tuple && !json;
    out.append(tuple ? '(' : '[');
    Iterator<?> items = list.iterator();
    for (String comma = ""; items.hasNext(); comma = ",") {
      next(comma, level + 1);
      value(items.next(), level + 1);
    }
    out.append(tuple && list.size() == 1 ? "," : "");
    end(list.isEmpty(), level, tuple ? ')' : ']');
  }

  private void next(String comma, int level) {
    out.append(comma);
    if (indent >= 0) {
      line(level);
    } else if (!comma.isEmpty()) {
      out.append(' ');
    }
  }

  private void end(boolean empty, int level, char bracket) {
    if (indent >= 0 && !empty) {
      line(level);
    }
    out.append(bracket);
  }

  private void line(int level) {
    budget.text((long) indent * level);
    out.append('\n').repeat(' ', indent * level);
  }

  private void quote(String text) {
    budget.text(text.length());
    char quote = json || (text.indexOf('\'') >= 0 && text.indexOf('"') < 0) ? '"' : '\'';
    out.append(quote);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c == quote) {
            out.append('\\').append(c);
          } else if (c < ' ' || (c == 0x7f && !json)) {
            control(c);
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append(quote);
  }

  private void control(char c) {
    if (json && (c == '\b' || c == '\f')) {
      out.append(c == '\b' ? "\\b" : "\\f");
    } else {
      out.append(String.format(json ? "\\u%04x" : "\\x%02x", (int) c));
    }
  }

  private static String number(Number number, boolean json) {
    if (Values.isInteger(number) || number instanceof BigInteger) {
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
