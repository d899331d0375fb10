package dev.krait.template;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;

/// `'%5.2f' % value`.
final class PercentFormat {
  private final Run run;
  private final String text;
  private final List<Object> values;
  private final Object given;
  private int at;
  private int used;
  private boolean named;

  private PercentFormat(Run run, String text, Object given) {
    this.run = run;
    this.text = text;
    this.given = given;
    this.values = given instanceof Tuple tuple ? tuple.items() : List.of(given);
  }

  /// @param given one value, a tuple of them, or a dict
  static String format(Run run, String text, Object given) {
    run.text(text.length());
    return new PercentFormat(run, text, given).formatted();
  }

  private String formatted() {
    StringBuilder out = new StringBuilder();
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '%') {
        String part = directive();
        run.text((long) out.length() / 64 + part.length());
        run.outputs((long) out.length() + part.length());
        out.append(part);
      } else {
        out.append(c);
      }
    }
    boolean subscribed =
        given instanceof Dict
            || given instanceof List
            || given instanceof Range
            || given instanceof Undefined;
    if (!named && used < values.size() && !subscribed) {
      throw TemplateException.evaluation("not all arguments converted during string formatting");
    }
    return out.toString();
  }

  private char next() {
    if (at >= text.length()) {
      throw TemplateException.evaluation("incomplete format");
    }
    return text.charAt(at++);
  }

  private Object value() {
    if (used >= values.size()) {
      throw TemplateException.evaluation("not enough arguments for format string");
    }
    return values.get(used++);
  }

  private String directive() {
    run.step(1);
    Object value = null;
    if (at < text.length() && text.charAt(at) == '(') {
      int end = text.indexOf(')', at);
      if (end < 0 || !(given instanceof Dict dict)) {
        throw TemplateException.evaluation(
            end < 0 ? "incomplete format key" : "format requires a mapping");
      }
      value = dict.get(text.substring(at + 1, end));
      if (value == null) {
        throw TemplateException.evaluation("KeyError: '" + text.substring(at + 1, end) + "'");
      }
      at = end + 1;
      named = true;
    }
    int from = at;
    while (at < text.length() && "-+ #0".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    String flags = text.substring(from, at);
    int width = number(0);
    if (width < 0) {
      flags += "-";
      width = -width;
    }
    int precision = -1;
    if (at < text.length() && text.charAt(at) == '.') {
      at++;
      precision = Math.max(0, number(0));
    }
    char type = next();
    while ("hlL".indexOf(type) >= 0) {
      type = next();
    }
    if (type == '%') {
      return "%";
    }
    return laidOut(value == null ? value() : value, type, flags, width, precision);
  }

  private int number(int otherwise) {
    if (at < text.length() && text.charAt(at) == '*') {
      at++;
      return Numbers.clamped(value());
    }
    int from = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    return from == at
        ? otherwise
        : Numbers.clamped(
            Numbers.of(new BigInteger(text.substring(from, Math.min(at, from + 20)))));
  }

  private String laidOut(Object value, char type, String flags, int width, int precision) {
    String body =
        switch (type) {
          case 's' -> cut(Text.str(run, value), precision);
          case 'r', 'a' -> cut(Text.repr(run, value), precision);
          case 'c' -> character(value);
          case 'd', 'i', 'u', 'x', 'X', 'o' -> whole(value, type, flags, precision);
          case 'e', 'E', 'f', 'F', 'g', 'G' -> {
            double number = real(value);
            String digits =
                NumberFormat.format(
                    run, number, type, precision < 0 ? 6 : precision, flags.contains("#"));
            yield (number < 0 || 1 / number < 0 ? "-" : "") + digits;
          }
          default ->
              throw TemplateException.evaluation(
                  "unsupported format character '%s' (0x%x) at index %d"
                      .formatted(type, (int) type, at - 1));
        };
    boolean number = "sracc".indexOf(type) < 0;
    String sign = "";
    if (number) {
      sign =
          body.startsWith("-") ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
      body = body.startsWith("-") ? body.substring(1) : body;
    }
    int missing = Math.max(0, width - Chars.count(body) - sign.length());
    run.text((long) body.length() + missing);
    if (flags.contains("-")) {
      return sign + body + " ".repeat(missing);
    }
    return number && flags.contains("0")
        ? sign + "0".repeat(missing) + body
        : " ".repeat(missing) + sign + body;
  }

  private static String cut(String text, int precision) {
    return precision < 0 || precision >= Chars.count(text)
        ? text
        : text.substring(0, text.offsetByCodePoints(0, precision));
  }

  private String character(Object value) {
    String text = Comparison.string(value);
    if (text != null ? Chars.count(text) != 1 : !Numbers.isInteger(value)) {
      throw TemplateException.evaluation("%c requires int or char");
    }
    return text != null ? text : Character.toString(Numbers.clamped(value));
  }

  private double real(Object value) {
    if (!Numbers.isNumber(value)) {
      throw TemplateException.evaluation("must be real number, not " + Values.type(value));
    }
    return Numbers.real(value);
  }

  private String whole(Object value, char type, String flags, int precision) {
    boolean decimal = "diu".indexOf(type) >= 0;
    if (!Numbers.isNumber(value) || (!decimal && !Numbers.isInteger(value))) {
      throw TemplateException.evaluation(
          "%%%s format: %s is required, not %s"
              .formatted(type, decimal ? "a real number" : "an integer", Values.type(value)));
    }
    Object integer = value instanceof Double number ? Numbers.truncated(number) : value;
    BigInteger number = Numbers.integer(integer);
    Text.integer(run, Numbers.of(number)); // checks and pays for the digits
    String digits = number.abs().toString(decimal ? 10 : type == 'o' ? 8 : 16);
    run.text(Math.max(0, precision));
    digits = "0".repeat(Math.max(0, precision - digits.length())) + digits;
    String prefix = flags.contains("#") && !decimal ? (type == 'o' ? "0o" : "0x") : "";
    String body = prefix + digits;
    return (number.signum() < 0 ? "-" : "") + (type == 'X' ? body.toUpperCase(Locale.ROOT) : body);
  }
}
