package dev.krait.template;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/// Floats with a precision, as both of Python's ways to format write them.
final class NumberFormat {
  /// Python's own limit is larger; no template needs that many digits.
  static final int MAX_DIGITS = 1_000;

  /// A double of 300 digits takes some microseconds.
  private static final int STEPS = 200;

  private NumberFormat() {}

  /// Without its sign.
  ///
  /// @param alternate keeps the zeros at the end of type g
  static String format(Run run, double given, char type, int precision, boolean alternate) {
    double value = Math.abs(given);
    run.step(STEPS + precision);
    if (precision > MAX_DIGITS) {
      throw TemplateException.limit("digits of a format", precision, MAX_DIGITS);
    }
    String text =
        Double.isNaN(value)
            ? "nan"
            : Double.isInfinite(value)
                ? "inf"
                : switch (Character.toLowerCase(type)) {
                  case 'f' -> fixed(new BigDecimal(value), precision);
                  case 'e' -> scientific(new BigDecimal(value), precision);
                  default -> general(new BigDecimal(value), Math.max(1, precision), alternate);
                };
    return Character.isUpperCase(type) ? text.toUpperCase(Locale.ROOT) : text;
  }

  private static String fixed(BigDecimal value, int precision) {
    return value.setScale(precision, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String scientific(BigDecimal value, int precision) {
    BigDecimal rounded = value.round(new MathContext(precision + 1, RoundingMode.HALF_EVEN));
    int exponent = value.signum() == 0 ? 0 : exponent(rounded);
    return rounded
            .movePointLeft(exponent)
            .setScale(precision, RoundingMode.HALF_EVEN)
            .toPlainString()
        + String.format(Locale.ROOT, "e%+03d", exponent);
  }

  private static int exponent(BigDecimal value) {
    return value.precision() - value.scale() - 1;
  }

  private static String general(BigDecimal value, int precision, boolean alternate) {
    BigDecimal rounded = value.round(new MathContext(precision, RoundingMode.HALF_EVEN));
    int exponent = value.signum() == 0 ? 0 : exponent(rounded);
    if (exponent < -4 || exponent >= precision) {
      String text = scientific(value, precision - 1);
      int mark = text.indexOf('e');
      return (alternate ? text.substring(0, mark) : stripped(text.substring(0, mark)))
          + text.substring(mark);
    }
    String text = fixed(value, precision - 1 - exponent);
    return alternate ? text : stripped(text);
  }

  private static String stripped(String text) {
    int end = text.length();
    if (text.indexOf('.') >= 0) {
      while (text.charAt(end - 1) == '0') {
        end--;
      }
      end -= text.charAt(end - 1) == '.' ? 1 : 0;
    }
    return text.substring(0, end);
  }
}
