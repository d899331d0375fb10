package dev.krait.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/// Python's numbers: ints of any size, floats, and bools as 0 and 1.
final class Numbers {
  private static final BigInteger LEAST = BigInteger.valueOf(Long.MIN_VALUE);
  private static final BigInteger MOST = BigInteger.valueOf(Long.MAX_VALUE);

  /// Longest int in bits. Its square takes microseconds.
  private static final int BITS = 1 << 16;

  private static final int BITS_PER_STEP = 64;

  private Numbers() {}

  /// An int, which is a Long wherever it fits.
  static Object of(BigInteger number) {
    if (number.compareTo(LEAST) >= 0 && number.compareTo(MOST) <= 0) {
      return number.longValue();
    }
    return number;
  }

  static boolean isNumber(Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  /// A bool counts.
  static boolean isInteger(Object value) {
    return value instanceof Long || value instanceof BigInteger || value instanceof Boolean;
  }

  static BigInteger integer(Object value) {
    return switch (value) {
      case Long number -> BigInteger.valueOf(number);
      case BigInteger number -> number;
      case Boolean truth -> truth ? BigInteger.ONE : BigInteger.ZERO;
      case Undefined undefined -> throw undefined.failure();
      default ->
          throw TemplateException.evaluation(
              "'" + Values.type(value) + "' object cannot be interpreted as an integer");
    };
  }

  /// An int within the range of Java's.
  static int clamped(Object value) {
    return integer(value)
        .max(BigInteger.valueOf(Integer.MIN_VALUE))
        .min(BigInteger.valueOf(Integer.MAX_VALUE))
        .intValue();
  }

  static double real(Object value) {
    return switch (value) {
      case Double number -> number;
      case Long number -> number;
      case Boolean truth -> truth ? 1 : 0;
      case BigInteger number -> {
        double real = number.doubleValue();
        if (Double.isInfinite(real)) {
          throw TemplateException.evaluation("int too large to convert to float");
        }
        yield real;
      }
      case Undefined undefined -> throw undefined.failure();
      default ->
          throw TemplateException.evaluation("must be real number, not " + Values.type(value));
    };
  }

  static BigDecimal exact(Object value) {
    return value instanceof Double number ? new BigDecimal(number) : new BigDecimal(integer(value));
  }

  /// Less than, equal to or greater than 0, as the first is to the second; neither is NaN.
  static int compare(Object a, Object b) {
    if (a instanceof Long x && b instanceof Long y) {
      return Long.compare(x, y);
    }
    if (isInfinite(a) || isInfinite(b) || (a instanceof Double && b instanceof Double)) {
      double x = isInteger(a) ? 0 : real(a);
      double y = isInteger(b) ? 0 : real(b);
      return x == y ? 0 : Double.compare(x, y);
    }
    return exact(a).compareTo(exact(b));
  }

  private static boolean isInfinite(Object value) {
    return value instanceof Double number && Double.isInfinite(number);
  }

  /// An int towards zero.
  static Object truncated(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      throw TemplateException.evaluation("cannot convert float " + value + " to integer");
    }
    return of(new BigDecimal(value).toBigInteger());
  }

  static Object arithmetic(Run run, String operator, Object a, Object b) {
    if (operator.equals("/")) {
      return divide(a, b);
    }
    if (!isInteger(a) || !isInteger(b)) {
      return floating(operator, real(a), real(b));
    }
    if (a instanceof Long x && b instanceof Long y) {
      try {
        return switch (operator) {
          case "+" -> Math.addExact(x, y);
          case "-" -> Math.subtractExact(x, y);
          case "*" -> Math.multiplyExact(x, y);
          default -> big(run, operator, integer(a), integer(b));
        };
      } catch (ArithmeticException e) {
        // The result needs more than 64 bits.
      }
    }
    return big(run, operator, integer(a), integer(b));
  }

  private static Object big(Run run, String operator, BigInteger a, BigInteger b) {
    long words = 1L + ((long) a.bitLength() + b.bitLength()) / BITS_PER_STEP;
    run.step(words * words);
    if (operator.equals("**")) {
      return power(run, a, b);
    }
    bits(operator.equals("*") ? (long) a.bitLength() + b.bitLength() : 0);
    if ((operator.equals("//") || operator.equals("%")) && b.signum() == 0) {
      throw TemplateException.evaluation("integer division or modulo by zero");
    }
    return of(
        switch (operator) {
          case "+" -> a.add(b);
          case "-" -> a.subtract(b);
          case "*" -> a.multiply(b);
          case "//" -> a.subtract(modulo(a, b)).divide(b);
          default -> modulo(a, b);
        });
  }

  private static BigInteger modulo(BigInteger a, BigInteger b) {
    BigInteger rest = a.remainder(b);
    return rest.signum() != 0 && rest.signum() != b.signum() ? rest.add(b) : rest;
  }

  private static Object power(Run run, BigInteger a, BigInteger b) {
    if (b.signum() < 0) {
      return floating("**", real(of(a)), real(of(b)));
    }
    if (a.bitLength() <= 1 && a.abs().compareTo(BigInteger.ONE) <= 0) {
      return a.signum() < 0 && !b.testBit(0) ? 1L : b.signum() == 0 ? 1L : of(a);
    }
    int exponent = clamped(of(b));
    bits((long) a.bitLength() * exponent);
    run.step((long) a.bitLength() * exponent / BITS_PER_STEP);
    return of(a.pow(exponent));
  }

  private static void bits(long bits) {
    if (bits > BITS) {
      throw TemplateException.limit("bits of an int", bits, BITS);
    }
  }

  private static Object divide(Object a, Object b) {
    double by = real(b);
    if (by == 0) {
      throw TemplateException.evaluation("division by zero");
    }
    if (!isInteger(a) || !isInteger(b)) {
      return real(a) / by;
    }
    return real(a) == 0
        ? real(a) / by
        : exact(a).divide(exact(b), MathContext.DECIMAL128).doubleValue();
  }

  private static Object floating(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "**" -> power(a, b);
      default -> {
        if (b == 0) {
          throw TemplateException.evaluation("float floor division or modulo by zero");
        }
        double rest = a % b;
        boolean other = rest != 0 && (b < 0) != (rest < 0);
        double modulo = rest == 0 ? Math.copySign(0, b) : other ? rest + b : rest;
        if (operator.equals("%")) {
          yield modulo;
        }
        double quotient = (a - rest) / b - (other ? 1 : 0);
        double floor = Math.floor(quotient);
        yield quotient == 0 ? Math.copySign(0, a / b) : quotient - floor > 0.5 ? floor + 1 : floor;
      }
    };
  }

  private static Object power(double a, double b) {
    if (a == 0 && b < 0) {
      throw TemplateException.evaluation("0.0 cannot be raised to a negative power");
    }
    double power = Math.pow(a, b);
    if (Double.isNaN(power) && !Double.isNaN(a) && !Double.isNaN(b)) {
      throw TemplateException.evaluation("a complex number (expected: a real power)");
    }
    if (Double.isInfinite(power) && !Double.isInfinite(a) && !Double.isInfinite(b)) {
      throw TemplateException.evaluation("Numerical result out of range");
    }
    return power;
  }

  /// Rounds half to even, from the exact value.
  static Object round(Run run, Object value, int digits) {
    if (digits >= 0 && isInteger(value)) {
      return value instanceof Boolean ? of(integer(value)) : value;
    }
    double real = real(value);
    int most = Math.clamp(digits, -400, 400);
    run.step(Math.abs(most));
    if (Double.isInfinite(real) || Double.isNaN(real)) {
      return real;
    }
    BigDecimal rounded = exact(value).setScale(most, RoundingMode.HALF_EVEN);
    return isInteger(value)
        ? of(rounded.toBigInteger())
        : (Object) Math.copySign(rounded.doubleValue(), real);
  }
}
