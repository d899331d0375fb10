package dev.krait.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's two ways to format: `'%5.2f' % value` and, without layouts, `'{}'.format(value)`.
final class PythonFormat {
  private static final Pattern PERCENT =
      Pattern.compile("%(?:\\((\\w+)\\))?([-+ 0]*)(\\d{0,9})(?:\\.(\\d{1,9}))?([srdifxX%])?");
  private static final Pattern FIELD = Pattern.compile("\\{\\{|}}|\\{(\\w*)(!r)?}|[{}]");

  /// A double of 300 digits takes some microseconds.
  private static final int DECIMAL_STEPS = 500;

  private static final int DIGITS = 100;

  private PythonFormat() {}

  /// `text % values`: one value, a tuple of them, or a dict.
  static String percent(String text, @Nullable Object values) {
    Budget.current().text(text.length());
    List<?> items = values instanceof Tuple tuple ? tuple : Collections.singletonList(values);
    Map<?, ?> names = values instanceof Map<?, ?> map ? map : Map.of();
    StringBuilder out = new StringBuilder();
    Matcher found = PERCENT.matcher(text);
    int next = 0;
    int copied = 0;
    while (found.find()) {
      Budget.current().work(1);
      out.append(text, copied, found.start());
      copied = found.end();
      String type = found.group(5);
      if (type == null) {
        throw unknown("a format that is not known here", text);
      }
      if (type.equals("%")) {
        out.append('%');
      } else if (found.group(1) != null) {
        out.append(laidOut(required(names.get(found.group(1)), text), found));
      } else if (next < items.size()) {
        out.append(laidOut(items.get(next++), found));
      } else {
        throw unknown("a value too few", text);
      }
    }
    if (next < items.size() && !(values instanceof Map)) {
      throw unknown("a value too many", text);
    }
    return Operators.concat(out.toString(), text.substring(copied));
  }

  private static String laidOut(@Nullable Object value, Matcher found) {
    String flags = found.group(2);
    long width = found.group(3).isEmpty() ? 0 : Long.parseLong(found.group(3));
    int precision = found.group(4) == null ? -1 : Integer.parseInt(found.group(4));
    String type = found.group(5);
    String body =
        switch (type) {
          case "s" -> part(PythonText.print(value), precision);
          case "r" -> part(PythonText.repr(value), precision);
          case "f" -> decimal(Values.number(value), precision < 0 ? 6 : precision);
          default -> whole(value, type, precision);
        };
    boolean number = !type.equals("s") && !type.equals("r");
    String sign = "";
    if (number && body.startsWith("-")) {
      sign = "-";
      body = body.substring(1);
    } else if (number) {
      sign = flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
    }
    long missing = Math.max(0, width - Values.size(sign + body));
    Budget.current().text(body.length() + missing);
    if (flags.contains("-")) {
      return sign + body + " ".repeat((int) missing);
    }
    return number && flags.contains("0")
        ? sign + "0".repeat((int) missing) + body
        : " ".repeat((int) missing) + sign + body;
  }

  private static String part(String text, int precision) {
    return precision < 0 || precision >= Values.size(text)
        ? text
        : text.substring(0, text.offsetByCodePoints(0, precision));
  }

  private static String whole(@Nullable Object value, String type, int precision) {
    if (precision >= 0) {
      throw TemplateException.evaluation("an int with a precision is not known here");
    }
    if ("xX".contains(type)) {
      String digits = Long.toString(Values.integer(value), 16);
      return type.equals("x") ? digits : TextMethods.call(digits, "upper", Args.NONE).toString();
    }
    return switch (value) {
      case Double number -> new BigDecimal(number).setScale(0, RoundingMode.DOWN).toPlainString();
      case BigInteger number -> number.toString();
      case null, default -> Long.toString(Values.integer(value));
    };
  }

  /// Rounds the exact value of the double, as Python does.
  private static String decimal(double value, int precision) {
    if (precision > DIGITS || Double.isNaN(value) || Double.isInfinite(value)) {
      throw TemplateException.evaluation(
          value + " with " + precision + " digits (expected: a number, at most " + DIGITS + ")");
    }
    Budget.current().work(DECIMAL_STEPS);
    String text = new BigDecimal(value).setScale(precision, RoundingMode.HALF_EVEN).toPlainString();
    boolean minus = (value < 0 || 1 / value < 0) && !text.startsWith("-");
    return minus ? "-" + text : text;
  }

  /// `text.format(...)`.
  static String format(String text, Args args) {
    Budget.current().text(text.length());
    StringBuilder out = new StringBuilder();
    Matcher found = FIELD.matcher(text);
    int next = 0;
    int copied = 0;
    while (found.find()) {
      Budget.current().work(1);
      out.append(text, copied, found.start());
      copied = found.end();
      String name = found.group(1);
      if (name == null && found.group().length() != 2) {
        throw unknown("a brace or a layout that is not known here", text);
      }
      if (name == null) {
        out.append(found.group().charAt(0));
        continue;
      }
      boolean numbered = name.matches("\\d{1,9}");
      if (numbered ? next > 0 : name.isEmpty() && next < 0) {
        throw unknown("numbered and unnumbered fields", text);
      }
      int position = numbered ? Integer.parseInt(name) : next;
      Object value = numbered || name.isEmpty() ? args.get(position, "") : args.named().get(name);
      next = numbered ? -1 : name.isEmpty() ? next + 1 : next;
      required(value, text);
      String shown = found.group(2) == null ? PythonText.print(value) : PythonText.repr(value);
      Budget.current().text(shown.length());
      out.append(shown);
    }
    return Operators.concat(out.toString(), text.substring(copied));
  }

  private static Object required(@Nullable Object value, String text) {
    if (value == null) {
      throw unknown("a field without a value", text);
    }
    return value;
  }

  private static TemplateException unknown(String what, String text) {
    String shown = text.length() <= 80 ? text : text.substring(0, 80) + "...";
    return TemplateException.evaluation(what + " in '" + shown + "'");
  }
}
