package dev.krait.template;

import java.math.BigInteger;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The filters that give a number.
final class NumberFilters {
  static final Map<String, Builtin> ALL =
      Map.ofEntries(
          Builtin.entry("int", "default? base?", NumberFilters::integer),
          Builtin.entry("float", "default?", NumberFilters::real),
          Builtin.entry("abs", "", (_, value, _) -> absolute(value)),
          Builtin.entry("round", "precision? method?", NumberFilters::round),
          Builtin.entry("filesizeformat", "binary?", NumberFilters::fileSize));

  private NumberFilters() {}

  private static Object integer(Run run, Object value, Bound args) {
    Operators.defined(value);
    if (Numbers.isInteger(value)) {
      return Numbers.of(Numbers.integer(value));
    }
    String text = Comparison.string(value);
    if (text != null) {
      run.text(text.length());
      Object parsed = parsed(text.strip(), args.integer(1, 10));
      if (parsed != null) {
        return parsed;
      }
    }
    Double number = text == null ? (value instanceof Double real ? real : null) : real(text);
    return number == null || number.isNaN() || number.isInfinite()
        ? args.get(0, 0L)
        : Numbers.truncated(number);
  }

  /// What Python's `int` reads; null for what it refuses.
  private static @Nullable Object parsed(String text, int base) {
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    String digits = text.substring(sign);
    String prefix = base == 2 ? "0b" : base == 8 ? "0o" : base == 16 ? "0x" : "";
    if (!prefix.isEmpty() && digits.toLowerCase(Locale.ROOT).startsWith(prefix)) {
      digits = digits.substring(2);
    }
    boolean underscored = digits.startsWith("_") || digits.endsWith("_") || digits.contains("__");
    digits = digits.replace("_", "");
    boolean fits = base >= 2 && base <= 36 && digits.length() <= Literals.MAX_DIGITS;
    if (underscored || !fits || !Chars.all(digits, c -> Character.digit(c, base) >= 0)) {
      return null;
    }
    BigInteger number = new BigInteger(digits, base);
    return Numbers.of(text.startsWith("-") ? number.negate() : number);
  }

  private static Object real(Run run, Object value, Bound args) {
    Operators.defined(value);
    if (Numbers.isNumber(value)) {
      return Numbers.real(value);
    }
    String text = Comparison.string(value);
    Double number = text == null ? null : real(text);
    return number == null ? args.get(0, 0.0) : number;
  }

  /// What Python's `float` reads; null for what it refuses.
  private static @Nullable Double real(String given) {
    String text = given.strip().toLowerCase(Locale.ROOT);
    int from = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    String body = text.substring(from);
    if (body.equals("inf") || body.equals("infinity") || body.equals("nan")) {
      double number = body.equals("nan") ? Double.NaN : Double.POSITIVE_INFINITY;
      return text.startsWith("-") ? -number : number;
    }
    String plain = body.replace("_", "");
    boolean number =
        plain.length() < 1_000
            && !plain.isEmpty()
            && plain.chars().allMatch(c -> (c >= '0' && c <= '9') || ".e+-".indexOf(c) >= 0);
    try {
      return number ? Double.parseDouble(text.substring(0, from) + plain) : null;
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static Object absolute(Object value) {
    Operators.defined(value);
    if (!Numbers.isNumber(value)) {
      throw TemplateException.evaluation(
          "bad operand type for abs(): '" + Values.type(value) + "'");
    }
    return value instanceof Double number
        ? (Object) Math.abs(number)
        : Numbers.of(Numbers.integer(value).abs());
  }

  private static Object round(Run run, Object value, Bound args) {
    int precision = args.integer(0, 0);
    String method = args.text(run, 1, "common");
    if (!Numbers.isNumber(value)) {
      Operators.defined(value);
      throw TemplateException.evaluation(
          "type " + Values.type(value) + " doesn't define __round__ method");
    }
    if (method.equals("common")) {
      return Numbers.round(run, value, precision);
    }
    if (!method.equals("ceil") && !method.equals("floor")) {
      throw TemplateException.evaluation("method must be common, ceil or floor");
    }
    Object power = Numbers.arithmetic(run, "**", 10L, (long) precision);
    double scaled = Numbers.real(Numbers.arithmetic(run, "*", value, power));
    double whole = method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled);
    return Numbers.arithmetic(run, "/", Numbers.truncated(whole), power);
  }

  private static Object fileSize(Run run, Object value, Bound args) {
    String text = Comparison.string(value);
    Double parsed = text == null ? null : real(text);
    double bytes = Numbers.real(parsed == null ? value : parsed);
    boolean binary = args.truth(0);
    double base = binary ? 1024 : 1000;
    if (bytes < base) {
      return bytes == 1 ? "1 Byte" : (long) bytes + " Bytes";
    }
    int prefix = 0;
    double unit = base;
    while (prefix < 7 && bytes >= unit * base) {
      unit *= base;
      prefix++;
    }
    return NumberFormat.format(run, bytes / unit, 'f', 1, false)
        + " "
        + (binary ? "KMGTPEZY" : "kMGTPEZY").charAt(prefix)
        + (binary ? "iB" : "B");
  }
}
