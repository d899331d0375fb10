package dev.krait.template;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Python's operators on values.
final class Operators {
  private Operators() {}

  /// Fails for an undefined operand.
  static void defined(Object... operands) {
    for (Object operand : operands) {
      if (operand instanceof Undefined undefined) {
        throw undefined.failure();
      }
    }
  }

  static Object binary(Run run, String operator, Object a, Object b) {
    if (operator.equals("%") && a instanceof String text) {
      return PercentFormat.format(run, text, b);
    }
    defined(a, b);
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.arithmetic(run, operator, a, b);
    }
    Object result =
        switch (operator) {
          case "+" -> sum(run, a, b);
          case "*" -> Numbers.isInteger(a) ? repeat(run, b, a) : repeat(run, a, b);
          case "%" ->
              a instanceof Markup(String text)
                  ? new Markup(PercentFormat.format(run, text, escaped(run, b)))
                  : null;
          default -> null;
        };
    if (result == null) {
      throw TemplateException.evaluation(
          "unsupported operand type(s) for %s: '%s' and '%s'"
              .formatted(
                  operator.equals("**") ? "** or pow()" : operator,
                  Values.type(a),
                  Values.type(b)));
    }
    return result;
  }

  /// What a format of an escaped text gets: texts are escaped, too.
  private static Object escaped(Run run, Object values) {
    return switch (values) {
      case String text -> Markup.escaped(run, text);
      case Tuple tuple ->
          new Tuple(tuple.items().stream().map(item -> escaped(run, item)).toList());
      default -> values;
    };
  }

  private static @Nullable Object sum(Run run, Object a, Object b) {
    String text = Comparison.string(a);
    String other = Comparison.string(b);
    if (text != null && other != null) {
      boolean marked = a instanceof Markup || b instanceof Markup;
      String left = marked ? Markup.escaped(run, a) : text;
      String right = marked ? Markup.escaped(run, b) : other;
      run.text((long) left.length() + right.length());
      String sum = left + right;
      return marked ? new Markup(sum) : sum;
    }
    if (a instanceof List<?> list && b instanceof List<?> more) {
      return joined(run, list, more);
    }
    if (a instanceof Tuple(List<Object> items, _) && b instanceof Tuple(List<Object> more, _)) {
      return new Tuple(joined(run, items, more));
    }
    if (text != null || a instanceof List || a instanceof Tuple) {
      String type = Values.type(a);
      throw TemplateException.evaluation(
          "can only concatenate %s (not \"%s\") to %s".formatted(type, Values.type(b), type));
    }
    return null;
  }

  private static List<Object> joined(Run run, List<?> items, List<?> more) {
    run.items((long) items.size() + more.size());
    List<Object> joined = new ArrayList<>(items);
    joined.addAll(more);
    return joined;
  }

  private static @Nullable Object repeat(Run run, Object value, Object times) {
    if (!Numbers.isInteger(times)) {
      return null;
    }
    int count = Math.max(0, Numbers.clamped(times));
    return switch (value) {
      case String text -> {
        run.text((long) text.length() * count);
        yield text.repeat(count);
      }
      case Markup markup -> {
        run.text((long) markup.text().length() * count);
        yield new Markup(markup.text().repeat(count));
      }
      case List<?> items -> repeated(run, items, count);
      case Tuple(List<Object> items, _) -> new Tuple(repeated(run, items, count));
      default -> null;
    };
  }

  private static List<Object> repeated(Run run, List<?> items, int count) {
    run.items((long) items.size() * count);
    List<Object> repeated = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      repeated.addAll(items);
    }
    return repeated;
  }

  static Object sign(String sign, Object value) {
    defined(value);
    if (!Numbers.isNumber(value)) {
      throw TemplateException.evaluation(
          "bad operand type for unary " + sign + ": '" + Values.type(value) + "'");
    }
    boolean minus = sign.equals("-");
    if (value instanceof Double number) {
      return minus ? -number : number;
    }
    return Numbers.of(minus ? Numbers.integer(value).negate() : Numbers.integer(value));
  }
}
