package dev.krait.text.jinja;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/// Python's `json.dumps` as the `tojson` of chat templates calls it: non-ASCII kept by default,
/// HTML not escaped.
///
/// @param indent what one level adds, empty for everything on one line
record JsonPrinter(
    Budget budget,
    boolean ascii,
    boolean multiline,
    String indent,
    String itemSeparator,
    String keySeparator,
    boolean sortKeys) {

  String print(Object value) {
    StringBuilder out = new StringBuilder();
    print(value, 0, out);
    return out.toString();
  }

  private void print(Object value, int level, StringBuilder out) {
    budget.step();
    switch (value) {
      case String text -> quote(text, out);
      case None none -> out.append("null");
      case Boolean flag -> out.append(flag ? "true" : "false");
      case Long number -> out.append((long) number);
      case BigInteger number -> out.append(number);
      case Double number -> out.append(real(number));
      case List<?> list -> list(list, level, out);
      case Map<?, ?> map -> map(map, level, out);
      case Undefined undefined -> throw undefined.use();
      default ->
          throw TemplateException.evaluation(
              "Object of type " + Values.typeName(value) + " is not JSON serializable");
    }
  }

  private static String real(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    return Double.isInfinite(number) ? number > 0 ? "Infinity" : "-Infinity" : Printer.real(number);
  }

  private void list(List<?> list, int level, StringBuilder out) {
    budget.enter();
    out.append('[');
    for (int i = 0; i < list.size(); i++) {
      out.append(i == 0 ? "" : itemSeparator);
      newline(level + 1, out);
      print(list.get(i), level + 1, out);
    }
    if (!list.isEmpty()) {
      newline(level, out);
    }
    out.append(']');
    budget.leave();
  }

  private void map(Map<?, ?> map, int level, StringBuilder out) {
    budget.enter();
    Map<String, Object> entries = sortKeys ? new TreeMap<>() : new LinkedHashMap<>();
    map.forEach((key, value) -> entries.put(keyText(key), Objects.requireNonNull(value)));
    out.append('{');
    boolean first = true;
    for (Map.Entry<String, Object> entry : entries.entrySet()) {
      out.append(first ? "" : itemSeparator);
      first = false;
      newline(level + 1, out);
      quote(entry.getKey(), out);
      out.append(keySeparator);
      print(entry.getValue(), level + 1, out);
    }
    if (!entries.isEmpty()) {
      newline(level, out);
    }
    out.append('}');
    budget.leave();
  }

  private static String keyText(Object key) {
    return switch (key) {
      case String text -> text;
      case Boolean flag -> flag ? "true" : "false";
      case None none -> "null";
      case Double number -> real(number);
      default -> key.toString();
    };
  }

  private void newline(int level, StringBuilder out) {
    if (multiline) {
      long chars = (long) level * indent.length();
      budget.text(chars);
      out.append('\n').repeat(indent, level);
    }
  }

  private void quote(String text, StringBuilder out) {
    budget.text(text.length());
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < 0x20 || (ascii && c > 0x7e)) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
