package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.AdditionOperator;
import com.hubspot.jinjava.el.ext.OrOperator;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;
import java.util.function.LongBinaryOperator;
import jinjava.de.odysseus.el.tree.impl.ast.AstBinary;
import org.jspecify.annotations.Nullable;

/// Python's binary operators in place of those of the expression language, which convert anything
/// to anything: there `'5' == 5`, and a text plus an undefined value ends in `null`.
final class Operators {
  static final AstBinary.Operator CONCAT = strict(Operators::concat);
  static final AstBinary.Operator IN = strict((item, list) -> Values.contains(list, item));
  static final AstBinary.Operator NOT_IN = strict((item, list) -> !Values.contains(list, item));
  static final AstBinary.Operator POWER = strict(Operators::power);
  static final AstBinary.Operator FLOOR =
      strict((a, b) -> number("//", a, b, Math::floorDiv, (x, y) -> Math.floor(x / y)));

  private static final Map<AstBinary.Operator, AstBinary.Operator> PYTHON =
      Map.ofEntries(
          Map.entry(AdditionOperator.OP, strict(Operators::add)),
          Map.entry(AstBinary.SUB, arithmetic("-", Math::subtractExact, (a, b) -> a - b)),
          Map.entry(AstBinary.MUL, strict(Operators::multiply)),
          Map.entry(AstBinary.DIV, strict(Operators::divide)),
          Map.entry(
              AstBinary.MOD, arithmetic("%", Math::floorMod, (a, b) -> a - Math.floor(a / b) * b)),
          Map.entry(AstBinary.EQ, strict(Values::equal)),
          Map.entry(AstBinary.NE, strict((a, b) -> !Values.equal(a, b))),
          Map.entry(AstBinary.LT, strict((a, b) -> Values.compare(a, b) < 0)),
          Map.entry(AstBinary.LE, strict((a, b) -> Values.compare(a, b) <= 0)),
          Map.entry(AstBinary.GT, strict((a, b) -> Values.compare(a, b) > 0)),
          Map.entry(AstBinary.GE, strict((a, b) -> Values.compare(a, b) >= 0)),
          Map.entry(
              AstBinary.AND,
              (bindings, context, left, right) -> {
                Object value = left.eval(bindings, context);
                return Values.truth(value) ? right.eval(bindings, context) : value;
              }),
          Map.entry(
              OrOperator.OP,
              (bindings, context, left, right) -> {
                Object value = left.eval(bindings, context);
                return Values.truth(value) ? value : right.eval(bindings, context);
              }));

  private Operators() {}

  @FunctionalInterface
  private interface Operation {
    Object apply(@Nullable Object left, @Nullable Object right);
  }

  /// Python's operator for one of the expression language.
  static AstBinary.Operator python(AstBinary.Operator operator) {
    return PYTHON.getOrDefault(operator, operator);
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
    return sign.equals("+") && b != null && (a instanceof String || a instanceof Collection)
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

  private static Object add(@Nullable Object a, @Nullable Object b) {
    if (a instanceof String && b instanceof String) {
      return concat(a, b);
    }
    if (a instanceof Collection<?> left && b instanceof Collection<?> right) {
      Budget.current().work((long) left.size() + right.size());
      List<Object> sum = new ArrayList<>(left);
      sum.addAll(right);
      return left instanceof Tuple && right instanceof Tuple ? new Tuple(sum) : sum;
    }
    return number("+", a, b, Math::addExact, Double::sum);
  }

  static Object sum(List<@Nullable Object> items) {
    Object sum = 0L;
    for (Object item : items) {
      sum = number("+", sum, item, Math::addExact, Double::sum);
    }
    return sum;
  }

  static String concat(@Nullable Object a, @Nullable Object b) {
    String left = PythonText.print(a);
    String right = PythonText.print(b);
    Budget.current().text((long) left.length() + right.length());
    return left + right;
  }

  private static Object multiply(@Nullable Object a, @Nullable Object b) {
    if (a instanceof String text && Values.isInteger(b)) {
      long times = Math.clamp(Values.integer(b), 0, Integer.MAX_VALUE);
      Budget.current().text(text.length() * times);
      return text.repeat((int) times);
    }
    return a instanceof Long && b instanceof String
        ? multiply(b, a)
        : number("*", a, b, Math::multiplyExact, (x, y) -> x * y);
  }

  private static Object divide(@Nullable Object a, @Nullable Object b) {
    if (b instanceof Number && Values.number(b) == 0) {
      throw TemplateException.evaluation("division by zero");
    }
    return number("/", Values.number(a), Values.number(b), Math::floorDiv, (x, y) -> x / y);
  }

  private static Object power(@Nullable Object a, @Nullable Object b) {
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
