package dev.krait.text.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/// The filters by name. Those on texts and lists are in [TextFilters] and [ListFilters].
final class Filters {
  static final Set<String> NAMES =
      Set.copyOf(
          Stream.of(
                  TextFilters.NAMES,
                  ListFilters.NAMES,
                  Set.of(
                      "abs", "attr", "count", "d", "default", "float", "int", "items", "length",
                      "list", "round", "safe", "string", "tojson"))
              .flatMap(Set::stream)
              .toList());
  private static final int MAX_NUMBER_CHARS = 400;

  private final Budget budget;
  private final TextFilters texts;
  private final ListFilters lists;

  Filters(Evaluator evaluator, Budget budget) {
    this.budget = budget;
    this.texts = new TextFilters(budget);
    this.lists = new ListFilters(evaluator, this, budget);
  }

  Object apply(String name, Object input, CallArguments arguments) {
    budget.step();
    if (TextFilters.NAMES.contains(name)) {
      return texts.apply(name, input, arguments);
    }
    if (ListFilters.NAMES.contains(name)) {
      return lists.apply(name, input, arguments);
    }
    return switch (name) {
      case "default", "d" -> fallback(input, arguments);
      case "length", "count" -> length(input);
      case "string", "safe" -> new Printer(budget).text(input);
      case "tojson" -> json(input, arguments);
      case "list" -> new ArrayList<>(Values.items(input, budget));
      case "items" ->
          input instanceof Undefined ? List.of() : Methods.dictItems(mapping(input), budget);
      case "attr" -> attribute(input, arguments.text(0, "name"));
      case "abs" -> abs(number(input, name));
      case "int" -> toInt(input, arguments);
      case "float" -> toFloat(input, arguments);
      case "round" -> round(number(input, name), arguments);
      default -> throw TemplateException.syntax("no filter named '" + name + "'");
    };
  }

  private static Object fallback(Object input, CallArguments arguments) {
    boolean missing =
        input instanceof Undefined || (arguments.flag(1, "boolean", false) && !Values.truth(input));
    return missing ? arguments.get(0, "default_value", "") : input;
  }

  static Object length(Object input) {
    return switch (input) {
      case String text -> (long) text.codePointCount(0, text.length());
      case List<?> list -> (long) list.size();
      case Map<?, ?> map -> (long) map.size();
      case Undefined undefined -> 0L;
      default ->
          throw TemplateException.evaluation(
              "object of type '" + Values.typeName(input) + "' has no length");
    };
  }

  /// An attribute in the narrow sense: entries of a dict are none.
  private Object attribute(Object input, String name) {
    return input instanceof Map<?, ?>
        ? new Undefined("'dict object' has no attribute '" + name + "'")
        : Attributes.attribute(input, name, budget);
  }

  private static Map<?, ?> mapping(Object input) {
    if (input instanceof Map<?, ?> map) {
      return map;
    }
    throw Values.wrongType("items", "a dict", input);
  }

  private static Object number(Object input, String filter) {
    if (!Values.isNumber(input)) {
      throw Values.wrongType(filter, "a number", input);
    }
    return input;
  }

  private static Object abs(Object number) {
    return number instanceof Double real
        ? (Object) Math.abs(real)
        : Values.integer(Values.big(number).abs());
  }

  private String json(Object input, CallArguments arguments) {
    Object indent = arguments.get(1, "indent", None.NONE);
    boolean multiline = indent != None.NONE;
    String level =
        switch (indent) {
          case None none -> "";
          case String text -> text;
          default -> " ".repeat(Math.clamp(Values.integer(indent, "tojson"), 0, 64));
        };
    Object separators = arguments.get(2, "separators", None.NONE);
    List<Object> pair =
        separators == None.NONE
            ? List.of(multiline ? "," : ", ", ": ")
            : Values.items(separators, budget);
    if (pair.size() != 2) {
      throw TemplateException.evaluation("tojson: separators (expected: two texts)");
    }
    return new JsonPrinter(
            budget,
            arguments.flag(0, "ensure_ascii", false),
            multiline,
            level,
            Values.text(pair.get(0), "tojson"),
            Values.text(pair.get(1), "tojson"),
            arguments.flag(3, "sort_keys", false))
        .print(input);
  }

  private static Object toInt(Object input, CallArguments arguments) {
    Object fallback = arguments.get(0, "default", 0L);
    return switch (input) {
      case Double real when Double.isFinite(real) ->
          Values.integer(BigDecimal.valueOf(real).toBigInteger());
      case Object number when Values.isInteger(number) -> Values.integer(Values.big(number));
      case String text when text.length() <= MAX_NUMBER_CHARS -> {
        String trimmed = text.strip().replace("_", "");
        try {
          yield Values.integer(new BigInteger(trimmed, arguments.integer(1, "base", 10)));
        } catch (NumberFormatException e) {
          Object real = parseReal(trimmed, fallback);
          yield real instanceof Double value && Double.isFinite(value)
              ? Values.integer(BigDecimal.valueOf(value).toBigInteger())
              : fallback;
        }
      }
      default -> fallback;
    };
  }

  private static Object toFloat(Object input, CallArguments arguments) {
    Object fallback = arguments.get(0, "default", 0.0);
    return switch (input) {
      case Object number when Values.isNumber(number) -> Values.real(number);
      case String text when text.length() <= MAX_NUMBER_CHARS -> parseReal(text.strip(), fallback);
      default -> fallback;
    };
  }

  private static Object parseReal(String text, Object fallback) {
    boolean plain =
        !text.isEmpty() && text.chars().allMatch(c -> "0123456789.eE+-".indexOf(c) >= 0);
    try {
      return plain ? (Object) Double.valueOf(text) : fallback;
    } catch (NumberFormatException e) {
      return fallback;
    }
  }

  private static Object round(Object number, CallArguments arguments) {
    int digits = Math.clamp(arguments.integer(0, "precision", 0), -300, 300);
    double real = Values.real(number);
    if (!Double.isFinite(real)) {
      return real;
    }
    RoundingMode mode =
        switch (arguments.text(1, "method", "common")) {
          case "ceil" -> RoundingMode.CEILING;
          case "floor" -> RoundingMode.FLOOR;
          default -> RoundingMode.HALF_EVEN;
        };
    return Objects.requireNonNull(new BigDecimal(real).setScale(digits, mode)).doubleValue();
  }
}
