package dev.krait.text.jinja;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// The tests after `is`.
final class ValueTests {
  static final Set<String> NAMES =
      Set.of(
          "!=",
          "<",
          "<=",
          "==",
          ">",
          ">=",
          "boolean",
          "callable",
          "defined",
          "divisibleby",
          "eq",
          "equalto",
          "even",
          "false",
          "filter",
          "float",
          "ge",
          "greaterthan",
          "gt",
          "in",
          "integer",
          "iterable",
          "le",
          "lessthan",
          "lower",
          "lt",
          "mapping",
          "ne",
          "none",
          "number",
          "odd",
          "sameas",
          "sequence",
          "string",
          "test",
          "true",
          "undefined",
          "upper");

  private final Budget budget;

  ValueTests(Budget budget) {
    this.budget = budget;
  }

  boolean holds(String name, Object value, CallArguments arguments) {
    budget.step();
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "boolean" -> value instanceof Boolean;
      case "true" -> value.equals(true);
      case "false" -> value.equals(false);
      case "string" -> value instanceof String;
      case "number" -> Values.isNumber(value);
      case "integer" -> Values.isInteger(value) && !(value instanceof Boolean);
      case "float" -> value instanceof Double;
      case "mapping" -> value instanceof Map<?, ?>;
      case "sequence", "iterable" ->
          value instanceof String
              || value instanceof List<?>
              || value instanceof Map<?, ?>
              || value instanceof Undefined;
      case "callable" -> value instanceof Callable;
      case "lower" -> text(value).equals(text(value).toLowerCase(Locale.ROOT));
      case "upper" -> text(value).equals(text(value).toUpperCase(Locale.ROOT));
      case "odd" -> remainder(value, 2).signum() != 0;
      case "even" -> remainder(value, 2).signum() == 0;
      case "filter" -> value instanceof String filter && Filters.NAMES.contains(filter);
      case "test" -> value instanceof String test && NAMES.contains(test);
      default -> compares(name, value, arguments);
    };
  }

  @SuppressWarnings("ReferenceEquality") // that is what sameas asks for
  private boolean compares(String name, Object value, CallArguments arguments) {
    Object other = arguments.get(0, "other");
    return switch (name) {
      case "==", "eq", "equalto" -> Values.equal(value, other, budget);
      case "!=", "ne" -> !Values.equal(value, other, budget);
      case "<", "lt", "lessthan" -> Values.compare(value, other, budget) < 0;
      case "<=", "le" -> Values.compare(value, other, budget) <= 0;
      case ">", "gt", "greaterthan" -> Values.compare(value, other, budget) > 0;
      case ">=", "ge" -> Values.compare(value, other, budget) >= 0;
      case "in" -> Values.contains(other, value, budget);
      case "sameas" -> value == other || (Values.isNumber(value) && value.equals(other));
      case "divisibleby" -> remainder(value, Values.integer(other, "divisibleby")).signum() == 0;
      default -> throw TemplateException.evaluation("no test named '" + name + "'");
    };
  }

  private String text(Object value) {
    String text = new Printer(budget).text(value);
    budget.text(2L * text.length());
    return text;
  }

  private static BigInteger remainder(Object value, int divisor) {
    if (!Values.isInteger(value) || divisor == 0) {
      throw Values.wrongType("remainder", "a whole number by a divisor other than 0", value);
    }
    return Values.big(value).remainder(BigInteger.valueOf(divisor));
  }
}
