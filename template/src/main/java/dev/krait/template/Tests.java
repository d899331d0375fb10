package dev.krait.template;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// The tests of jinja2, which stand after `is`.
final class Tests {
  static final Map<String, Builtin> ALL = all();

  private Tests() {}

  private static Map<String, Builtin> all() {
    Map<String, Builtin> all = new HashMap<>();
    plain(all, "defined", value -> !(value instanceof Undefined));
    plain(all, "undefined", value -> value instanceof Undefined);
    plain(all, "none", value -> value == None.NONE);
    plain(all, "boolean", value -> value instanceof Boolean);
    plain(all, "true", value -> value.equals(true));
    plain(all, "false", value -> value.equals(false));
    plain(all, "integer", value -> Numbers.isInteger(value) && !(value instanceof Boolean));
    plain(all, "float", value -> value instanceof Double);
    plain(all, "number", Numbers::isNumber);
    plain(all, "string", value -> Comparison.string(value) != null);
    plain(all, "mapping", value -> value instanceof Dict);
    plain(all, "sequence", Tests::isSequence);
    plain(all, "callable", value -> value instanceof Invocable || value instanceof Undefined);
    plain(all, "escaped", value -> value instanceof Markup);
    put(all, "iterable", "", (run, value, _) -> Values.isIterable(run, value));
    put(all, "odd", "", (run, value, _) -> remains(run, value, 2L, 1L));
    put(all, "even", "", (run, value, _) -> remains(run, value, 2L, 0L));
    put(all, "divisibleby", "num", (run, value, args) -> remains(run, value, args.get(0), 0L));
    put(all, "lower", "", (run, value, _) -> method(run, "islower", value));
    put(all, "upper", "", (run, value, _) -> method(run, "isupper", value));
    put(all, "sameas", "other", (_, value, args) -> same(value, args.get(0)));
    put(all, "in", "seq", (run, value, args) -> Comparison.contains(run, args.get(0), value));
    put(all, "filter", "", (run, value, _) -> Filters.ALL.containsKey(Text.str(run, value)));
    for (List<String> names :
        List.of(
            List.of("==", "eq", "equalto"),
            List.of("!=", "ne"),
            List.of("<", "lt", "lessthan"),
            List.of("<=", "le"),
            List.of(">", "gt", "greaterthan"),
            List.of(">=", "ge"))) {
      for (String name : names) {
        put(
            all,
            name,
            "other",
            (run, value, args) -> Comparison.holds(run, names.getFirst(), value, args.get(0)));
      }
    }
    Map<String, Builtin> complete = new HashMap<>(all);
    put(
        complete,
        "test",
        "",
        (run, value, _) -> all.containsKey(Text.str(run, value)) || value.equals("test"));
    return Map.copyOf(complete);
  }

  private static void put(
      Map<String, Builtin> all, String name, String parameters, Builtin.Body body) {
    all.put(name, Builtin.entry(name, parameters, body).getValue());
  }

  private static void plain(Map<String, Builtin> all, String name, Predicate<Object> test) {
    put(all, name, "", (_, value, _) -> test.test(value));
  }

  private static boolean isSequence(Object value) {
    return switch (value) {
      case String _, Markup _, List<?> _, Tuple _, Dict _, Range _, Undefined _ -> true;
      default -> false;
    };
  }

  private static Object remains(Run run, Object value, Object by, Object rest) {
    return Comparison.equal(run, Operators.binary(run, "%", value, by), rest);
  }

  private static Object method(Run run, String name, Object value) {
    Builtin method = java.util.Objects.requireNonNull(TextMethods.ALL.get(name));
    return method.call(run, Text.str(run, value), Args.NONE);
  }

  /// Python has one object for each of the small values.
  @SuppressWarnings("ReferenceEquality")
  private static Object same(Object value, Object other) {
    return value == other
        || ((value instanceof Boolean || value instanceof Long || value instanceof String)
            && value.equals(other));
  }

  static String unknown(String name) {
    return "No test named '" + name + "'.";
  }

  static Object apply(Run run, String name, Object value, Args args) {
    Builtin test = ALL.get(name);
    if (test == null) {
      throw TemplateException.evaluation(unknown(name));
    }
    return test.call(run, value, args);
  }
}
