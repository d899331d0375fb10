package dev.krait.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.UnaryOperator;
import jinjava.de.odysseus.el.tree.impl.ast.AstBinary;
import jinjava.de.odysseus.el.tree.impl.ast.AstUnary;
import org.jspecify.annotations.Nullable;

/// Python's binary operators in place of those of the expression language, which convert anything
/// to anything: there `'5' == 5`, and a text plus an undefined value ends in `null`.
final class Operators {
  static final AstUnary.Operator MINUS =
      sign(number -> number("-", 0L, number, Math::subtractExact, (a, b) -> -b));
  static final AstUnary.Operator PLUS =
      sign(number -> number("+", 0L, number, Math::addExact, (a, b) -> b));

  private static final Map<String, AstBinary.Operator> BINARY =
      Map.ofEntries(
          Map.entry("+", strict(Operators::add)),
          Map.entry("-", arithmetic("-", Math::subtractExact, (a, b) -> a - b)),
          Map.entry("~", strict(Operators::concat)),
          Map.entry("*", strict(Operators::multiply)),
          Map.entry("/", strict(Operators::divide)),
          Map.entry("//", arithmetic("//", Math::floorDiv, Operators::floor)),
          Map.entry("%", strict(Operators::modulo)),
          Map.entry("**", strict(Operators::power)),
          Map.entry("==", strict(Values::equal)),
          Map.entry("!=", strict((a, b) -> !Values.equal(a, b))),
          Map.entry("<", strict((a, b) -> Values.compare(a, b) < 0)),
          Map.entry("<=", strict((a, b) -> Values.compare(a, b) <= 0)),
          Map.entry(">", strict((a, b) -> Values.compare(a, b) > 0)),
          Map.entry(">=", strict((a, b) -> Values.compare(a, b) >= 0)),
          Map.entry("in", strict((item, list) -> Values.contains(list, item))),
          Map.entry("not in", strict((item, list) -> !Values.contains(list, item))),
          Map.entry(
              "and",
              (bindings, context, left, right) -> {
                Object value = left.eval(bindings, context);
                return Values.truth(value) ? right.eval(bindings, context) : value;
              }),
          Map.entry(
              "or",
              (bindings, context, left, right) -> {
                Object value = left.eval(bindings, context);
                return Values.truth(value) ? value : right.eval(bindings, context);
              }));

  private Operators() {}

  @FunctionalInterface
  private interface Operation {
    Object apply(@Nullable Object left, @Nullable Object right);
  }

  /// The operator of a sign.
  static AstBinary.Operator of(String sign) {
    return Objects.requireNonNull(BINARY.get(sign));
  }

  private static AstUnary.Operator sign(UnaryOperator<@Nullable Object> operation) {
    return (bindings, context, node) -> operation.apply(node.eval(bindings, context));
  }

  private static AstBinary.Operator strict(Operation operation) {
    return (bindings, context, left, right) -> {
      Budget.current().work(1);
      return operation.apply(left.eval(bindings, context), right.eval(bindings, context));
    };
  }

  private static AstBinary.Operator arithmetic(
      String sign, LongBinaryOperator integers, DoubleBinaryOperator floats) {
    return strict((a, b) -> number(sign, a, b, integers, floats));
  }

  /// Python's words for operands that do not fit.
  private static String unsupported(String sign, @Nullable Object a, @Nullable Object b) {
    String left = pythonType(a);
    String right = pythonType(b);
    return sign.equals("+") && b != null && (a instanceof String || a instanceof List)
        ? "can only concatenate %s (not \"%s\") to %s".formatted(left, right, left)
        : "unsupported operand type(s) for %s: '%s' and '%s'".formatted(sign, left, right);
  }

  private static String pythonType(@Nullable Object value) {
    return value instanceof None
        ? "NoneType"
        : value instanceof Tuple ? "tuple" : Values.type(value);
  }

  private static Object number(
      String sign,
      @Nullable Object a,
      @Nullable Object b,
      LongBinaryOperator integers,
      DoubleBinaryOperator floats) {
    if (!(a instanceof Number) || !(b instanceof Number)) {
      throw TemplateException.evaluation(unsupported(sign, a, b));
    }
    return Values.isInteger(a) && Values.isInteger(b)
        ? integers.applyAsLong(Values.integer(a), Values.integer(b))
        : (Object) floats.applyAsDouble(Values.number(a), Values.number(b));
  }

  static Object add(@Nullable Object a, @Nullable Object b) {
    if (a instanceof String && b instanceof String) {
      return concat(a, b);
    }
    if (a instanceof List<?> left
        && b instanceof List<?> right
        && left instanceof Tuple == right instanceof Tuple) {
      Budget.current().work((long) left.size() + right.size());
      List<Object> sum = new ArrayList<>(left);
      sum.addAll(right);
      return left instanceof Tuple ? new Tuple(sum) : sum;
    }
    return number("+", a, b, Math::addExact, Double::sum);
  }

  static String concat(@Nullable Object a, @Nullable Object b) {
    String left = PythonText.print(a);
    String right = PythonText.print(b);
    Budget.current().text((long) left.length() + right.length());
    return left + right;
  }

  private static Object multiply(@Nullable Object a, @Nullable Object b) {
    if (Values.isInteger(a) && (b instanceof String || b instanceof List)) {
      return multiply(b, a);
    }
    if (!Values.isInteger(b)) {
      return number("*", a, b, Math::multiplyExact, (x, y) -> x * y);
    }
    long times = Math.clamp(Values.integer(b), 0, Integer.MAX_VALUE);
    if (a instanceof String text) {
      Budget.current().text(text.length() * times);
      return text.repeat((int) times);
    }
    if (a instanceof List<?> list) {
      Budget.current().work(list.size() * times);
      List<@Nullable Object> repeated = new ArrayList<>();
      for (long i = list.isEmpty() ? times : 0; i < times; i++) {
        repeated.addAll(list);
      }
      return list instanceof Tuple ? new Tuple(repeated) : repeated;
    }
    return number("*", a, b, Math::multiplyExact, (x, y) -> x * y);
  }

  private static Object modulo(@Nullable Object a, @Nullable Object b) {
    return a instanceof String text
        ? PythonFormat.percent(text, b)
        : number("%", a, b, Math::floorMod, Operators::remainder);
  }

  /// Python's remainder, which has the sign of the divisor and is exact.
  private static double remainder(double a, double b) {
    if (b == 0) {
      throw TemplateException.evaluation("division by zero");
    }
    double rest = a % b;
    return rest == 0 ? Math.copySign(rest, b) : rest < 0 != b < 0 ? rest + b : rest;
  }

  private static double floor(double a, double b) {
    return Math.rint((a - remainder(a, b)) / b);
  }

  private static Object divide(@Nullable Object a, @Nullable Object b) {
    if (Values.isNumeric(b) && Values.number(b) == 0) {
      throw TemplateException.evaluation("division by zero");
    }
    return number("/", Values.number(a), Values.number(b), Math::floorDiv, (x, y) -> x / y);
  }

  private static Object power(@Nullable Object a, @Nullable Object b) {
    Values.numbers("**", a, b);
    double power = Math.pow(Values.number(a), Values.number(b));
    if (!Values.isInteger(a) || !Values.isInteger(b) || Values.integer(b) < 0) {
      return power;
    }
    if (Math.abs(power) >= 1L << 53) {
      throw TemplateException.evaluation("an int above 53 bits");
    }
    return (long) power;
  }
}
