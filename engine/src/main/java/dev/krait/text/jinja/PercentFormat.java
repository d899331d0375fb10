package dev.krait.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's `%` on a text: `%s`, `%r`, `%d`, `%i`, `%f`, `%x` with flags, width and precision.
final class PercentFormat {
  private static final Pattern DIRECTIVE =
      Pattern.compile("%([-0+ ]*)(\\d{0,4})(?:\\.(\\d{1,3}))?(.)");

  private final Budget budget;

  PercentFormat(Budget budget) {
    this.budget = budget;
  }

  String format(String pattern, Object argument) {
    budget.read(pattern.length());
    List<?> arguments = argument instanceof Tuple tuple ? tuple : List.of(argument);
    StringBuilder text = new StringBuilder();
    Matcher matcher = DIRECTIVE.matcher(pattern);
    int end = 0;
    int used = 0;
    while (matcher.find()) {
      text.append(pattern, end, matcher.start());
      end = matcher.end();
      if (matcher.group(4).equals("%")) {
        text.append('%');
        continue;
      }
      if (used == arguments.size()) {
        throw TemplateException.evaluation("not enough arguments for format string");
      }
      String part = pad(matcher, directive(matcher, arguments.get(used++)));
      budget.text((long) text.length() + part.length());
      text.append(part);
    }
    if (used < arguments.size() && !(argument instanceof Map<?, ?>)) {
      throw TemplateException.evaluation("not all arguments converted during string formatting");
    }
    return text.append(pattern, end, pattern.length()).toString();
  }

  private String directive(Matcher matcher, Object value) {
    String precision = matcher.group(3);
    return switch (matcher.group(4)) {
      case "s" -> cut(new Printer(budget).text(value), precision);
      case "r" -> cut(new Printer(budget).repr(value), precision);
      case "d", "i" -> sign(matcher, whole(value).toString());
      case "x" -> sign(matcher, whole(value).toString(16));
      case "f" -> sign(matcher, fixed(value, precision == null ? 6 : Integer.parseInt(precision)));
      default -> throw TemplateException.evaluation("unsupported format '" + matcher.group() + "'");
    };
  }

  private static String cut(String text, @Nullable String precision) {
    return precision == null
        ? text
        : text.substring(0, Math.min(text.length(), Integer.parseInt(precision)));
  }

  private static BigInteger whole(Object value) {
    if (!Values.isNumber(value)) {
      throw Values.wrongType("%d", "a number", value);
    }
    return value instanceof Double real
        ? BigDecimal.valueOf(real).toBigInteger()
        : Values.big(value);
  }

  static String fixed(Object value, int digits) {
    if (!Values.isNumber(value)) {
      throw Values.wrongType("%f", "a number", value);
    }
    double real = Values.real(value);
    return Double.isFinite(real)
        ? new BigDecimal(real).setScale(digits, RoundingMode.HALF_EVEN).toPlainString()
        : Printer.real(real);
  }

  private static String sign(Matcher matcher, String number) {
    return matcher.group(1).contains("+") && !number.startsWith("-") ? "+" + number : number;
  }

  private static String pad(Matcher matcher, String text) {
    int width = matcher.group(2).isEmpty() ? 0 : Integer.parseInt(matcher.group(2));
    int missing = width - text.length();
    if (missing <= 0) {
      return text;
    }
    if (matcher.group(1).contains("-")) {
      return text + " ".repeat(missing);
    }
    boolean zeros = matcher.group(1).contains("0") && "dixf".contains(matcher.group(4));
    if (!zeros) {
      return " ".repeat(missing) + text;
    }
    int digits = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return text.substring(0, digits) + "0".repeat(missing) + text.substring(digits);
  }
}
