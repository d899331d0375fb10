package dev.krait.text.template;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The tests after `is`, which replace those of Jinjava: they tell None from undefined.
final class Tests {
  private static final Map<String, Body> BODIES =
      Map.ofEntries(
          Map.entry("defined", (value, arg) -> value != null),
          Map.entry("undefined", (value, arg) -> value == null),
          Map.entry("none", (value, arg) -> value == None.NONE),
          Map.entry("string", (value, arg) -> value instanceof String),
          Map.entry("mapping", (value, arg) -> value instanceof Map),
          Map.entry("iterable", (value, arg) -> isIterable(value) || value == null),
          Map.entry("sequence", (value, arg) -> isIterable(value) || value == null),
          Map.entry("number", (value, arg) -> Values.isNumeric(value)),
          Map.entry("integer", (value, arg) -> Values.isInteger(value)),
          Map.entry("float", (value, arg) -> value instanceof Double),
          Map.entry("boolean", (value, arg) -> value instanceof Boolean),
          Map.entry("true", (value, arg) -> Boolean.TRUE.equals(value)),
          Map.entry("false", (value, arg) -> Boolean.FALSE.equals(value)),
          Map.entry("odd", (value, arg) -> Math.floorMod(Values.integer(value), 2) == 1),
          Map.entry("even", (value, arg) -> Math.floorMod(Values.integer(value), 2) == 0),
          Map.entry("divisibleby", (a, b) -> Values.integer(a) % Values.integer(b) == 0),
          Map.entry("in", (value, arg) -> Values.contains(arg, value)),
          Map.entry("equalto", Values::equal),
          Map.entry("eq", Values::equal),
          Map.entry("==", Values::equal),
          Map.entry("sameas", Tests::same),
          Map.entry("callable", (value, arg) -> value == null || value instanceof Invocable),
          Map.entry("lt", (a, b) -> Values.compare(a, b) < 0),
          Map.entry("le", (a, b) -> Values.compare(a, b) <= 0),
          Map.entry("gt", (a, b) -> Values.compare(a, b) > 0),
          Map.entry("lessthan", (a, b) -> Values.compare(a, b) < 0),
          Map.entry("greaterthan", (a, b) -> Values.compare(a, b) > 0),
          Map.entry("<", (a, b) -> Values.compare(a, b) < 0),
          Map.entry("<=", (a, b) -> Values.compare(a, b) <= 0),
          Map.entry(">", (a, b) -> Values.compare(a, b) > 0),
          Map.entry(">=", (a, b) -> Values.compare(a, b) >= 0),
          Map.entry("ge", (a, b) -> Values.compare(a, b) >= 0),
          Map.entry("ne", (a, b) -> !Values.equal(a, b)),
          Map.entry("!=", (a, b) -> !Values.equal(a, b)));

  private Tests() {}

  @FunctionalInterface
  private interface Body {
    boolean test(@Nullable Object value, @Nullable Object argument);
  }

  static boolean has(String name) {
    return BODIES.containsKey(name);
  }

  static boolean passes(String name, @Nullable Object value, List<@Nullable Object> args) {
    Budget.current().work(1);
    Body body = BODIES.get(name);
    if (body == null) {
      throw TemplateException.evaluation("test " + name + " is not known here");
    }
    return body.test(value, args.isEmpty() ? null : args.getFirst());
  }

  /// Python's `is`, for the values where it says the same of any two equal ones.
  private static boolean same(@Nullable Object a, @Nullable Object b) {
    if (a == None.NONE || b == None.NONE || a instanceof Boolean || b instanceof Boolean) {
      return Objects.equals(a, b);
    }
    throw TemplateException.evaluation(
        Values.type(a) + " is sameas " + Values.type(b) + " (expected: a bool or None)");
  }

  private static boolean isIterable(@Nullable Object value) {
    return value instanceof Collection || value instanceof Map || value instanceof String;
  }
}
