package dev.krait.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/// The operators on numbers, texts and lists, with Python's results and sizes checked beforehand.
final class Arithmetic {
  private static final int MAX_BITS = 4096;

  private final Budget budget;

  Arithmetic(Budget budget) {
    this.budget = budget;
  }

  Object apply(String operator, Object left, Object right) {
    if (left instanceof Undefined undefined) {
      throw undefined.use();
    }
    if (right instanceof Undefined undefined && !(operator.equals("%") && left instanceof String)) {
      throw undefined.use();
    }
    if (Values.isNumber(left) && Values.isNumber(right)) {
      return left instanceof Double || right instanceof Double
          ? real(operator, Values.real(left), Values.real(right))
          : whole(operator, left, right);
    }
    return switch (operator) {
      case "+" -> plus(left, right);
      case "*" -> times(left, right);
      case "%" -> remainder(left, right);
      default -> throw unsupported(operator, left, right);
    };
  }

  private Object remainder(Object left, Object right) {
    if (left instanceof String pattern) {
      return new PercentFormat(budget).format(pattern, right);
    }
    throw unsupported("%", left, right);
  }

  Object negate(Object value) {
    return switch (value) {
      case Undefined undefined -> throw undefined.use();
      case Double number -> -number;
      case Object number when Values.isInteger(number) ->
          Values.integer(Values.big(number).negate());
      default ->
          throw TemplateException.evaluation(
              "bad operand type for unary -: '" + Values.typeName(value) + "'");
    };
  }

  private Object plus(Object left, Object right) {
    if (left instanceof String a && right instanceof String b) {
      budget.text((long) a.length() + b.length());
      return a.concat(b);
    }
    if (left instanceof List<?> a
        && right instanceof List<?> b
        && a instanceof Tuple == b instanceof Tuple) {
      budget.work((long) a.size() + b.size());
      List<Object> joined = new ArrayList<>(a);
      joined.addAll(b);
      return left instanceof Tuple ? new Tuple(joined) : joined;
    }
    throw unsupported("+", left, right);
  }

  private Object times(Object left, Object right) {
    if (Values.isInteger(left) && !Values.isNumber(right)) {
      return times(right, left);
    }
    if (Values.isInteger(right)) {
      int count = Math.max(0, Values.integer(right, "*"));
      if (left instanceof String text) {
        budget.text((long) text.length() * count);
        return text.repeat(count);
      }
      if (left instanceof List<?> list) {
        budget.work((long) list.size() * count);
        List<Object> repeated = new ArrayList<>();
        for (int i = 0; i < count && !list.isEmpty(); i++) {
          repeated.addAll(list);
        }
        return left instanceof Tuple ? new Tuple(repeated) : repeated;
      }
    }
    throw unsupported("*", left, right);
  }

  private Object real(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / nonZero(b);
      case "//" -> Math.floor(a / nonZero(b));
      case "%" -> a - b * Math.floor(a / nonZero(b));
      case "**" -> Math.pow(a, b);
      default -> throw unsupported(operator, a, b);
    };
  }

  private Object whole(String operator, Object left, Object right) {
    BigInteger a = Values.big(left);
    BigInteger b = Values.big(right);
    return switch (operator) {
      case "+" -> bounded(a.add(b));
      case "-" -> bounded(a.subtract(b));
      case "*" -> bounded(a.multiply(b));
      case "/" -> a.doubleValue() / nonZero(b.doubleValue());
      case "//" -> {
        nonZero(b.signum());
        BigInteger[] parts = a.divideAndRemainder(b);
        boolean down = parts[1].signum() != 0 && parts[1].signum() != b.signum();
        yield Values.integer(down ? parts[0].subtract(BigInteger.ONE) : parts[0]);
      }
      case "%" -> {
        nonZero(b.signum());
        BigInteger rest = a.remainder(b);
        boolean up = rest.signum() != 0 && rest.signum() != b.signum();
        yield Values.integer(up ? rest.add(b) : rest);
      }
      case "**" -> power(a, b);
      default -> throw unsupported(operator, left, right);
    };
  }

  private static Object power(BigInteger base, BigInteger exponent) {
    if (exponent.signum() < 0) {
      return Math.pow(base.doubleValue(), exponent.doubleValue());
    }
    if (base.abs().bitLength() <= 1) {
      return Values.integer(base.pow(exponent.signum() == 0 ? 0 : exponent.testBit(0) ? 1 : 2));
    }
    if (exponent.bitLength() > 31 || (long) base.bitLength() * exponent.intValue() > MAX_BITS) {
      throw TemplateException.limit("bits of a number", Integer.MAX_VALUE, MAX_BITS);
    }
    return bounded(base.pow(exponent.intValue()));
  }

  private static Object bounded(BigInteger number) {
    if (number.bitLength() > MAX_BITS) {
      throw TemplateException.limit("bits of a number", number.bitLength(), MAX_BITS);
    }
    return Values.integer(number);
  }

  private static double nonZero(double divisor) {
    if (divisor == 0) {
      throw TemplateException.evaluation("division by zero");
    }
    return divisor;
  }

  private static TemplateException unsupported(String operator, Object left, Object right) {
    return TemplateException.evaluation(
        "unsupported operand types for "
            + operator
            + ": '"
            + Values.typeName(left)
            + "' and '"
            + Values.typeName(right)
            + "'");
  }
}
