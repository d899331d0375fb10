package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Evaluates expressions for one rendering.
final class Evaluator {
  private final Budget budget;
  private final Arithmetic arithmetic;
  private final Filters filters;
  private final ValueTests tests;

  Evaluator(Budget budget) {
    this.budget = budget;
    this.arithmetic = new Arithmetic(budget);
    this.filters = new Filters(this, budget);
    this.tests = new ValueTests(budget);
  }

  ValueTests tests() {
    return tests;
  }

  Object evaluate(Expr expression, Scope scope) {
    budget.step();
    budget.enter();
    Object value =
        switch (expression) {
          case Expr.Literal literal -> literal.value();
          case Expr.Name name -> scope.get(name.name());
          case Expr.Attribute attribute ->
              Attributes.attribute(evaluate(attribute.target(), scope), attribute.name(), budget);
          case Expr.Item item ->
              Attributes.item(evaluate(item.target(), scope), evaluate(item.key(), scope), budget);
          case Expr.Slice slice -> slice(slice, scope);
          case Expr.Call call -> call(call, scope);
          case Expr.Filter filter -> filter(filter, scope);
          case Expr.Test test -> test(test, scope);
          case Expr.Sign sign -> sign(sign, scope);
          case Expr.Binary binary ->
              arithmetic.apply(
                  binary.operator(),
                  evaluate(binary.left(), scope),
                  evaluate(binary.right(), scope));
          case Expr.Concat concat -> concat(concat, scope);
          case Expr.And and -> {
            Object left = evaluate(and.left(), scope);
            yield Values.truth(left) ? evaluate(and.right(), scope) : left;
          }
          case Expr.Or or -> {
            Object left = evaluate(or.left(), scope);
            yield Values.truth(left) ? left : evaluate(or.right(), scope);
          }
          case Expr.Not not -> !Values.truth(evaluate(not.operand(), scope));
          case Expr.Compare compare -> compare(compare, scope);
          case Expr.Conditional conditional -> conditional(conditional, scope);
          case Expr.ListOf list -> items(list.items(), scope);
          case Expr.TupleOf tuple -> new Tuple(items(tuple.items(), scope));
          case Expr.DictOf dict -> dict(dict, scope);
        };
    budget.leave();
    return value;
  }

  /// Applies a filter by name to a value, as the `filter` block does.
  Object filter(String name, Object input, Expr.Arguments arguments, Scope scope) {
    return filters.apply(name, input, arguments(name, arguments, scope));
  }

  private Object filter(Expr.Filter filter, Scope scope) {
    return filter(filter.name(), evaluate(filter.input(), scope), filter.arguments(), scope);
  }

  private Object test(Expr.Test test, Scope scope) {
    CallArguments arguments = arguments(test.name(), test.arguments(), scope);
    Object input = evaluate(test.input(), scope);
    return tests.holds(test.name(), input, arguments) != test.negated();
  }

  private Object call(Expr.Call call, Scope scope) {
    Object target = evaluate(call.target(), scope);
    String callee =
        switch (call.target()) {
          case Expr.Name name -> name.name();
          case Expr.Attribute attribute -> attribute.name();
          default -> "call";
        };
    return call(target, arguments(callee, call.arguments(), scope));
  }

  Object call(Object target, CallArguments arguments) {
    return switch (target) {
      case Callable callable -> callable.call(arguments);
      case Undefined undefined -> throw undefined.use();
      default ->
          throw TemplateException.evaluation(
              "'" + Values.typeName(target) + "' object is not callable");
    };
  }

  CallArguments arguments(String callee, Expr.Arguments arguments, Scope scope) {
    List<Object> positional = items(arguments.positional(), scope);
    if (arguments.named().isEmpty()) {
      return new CallArguments(callee, positional, Map.of());
    }
    Map<String, Object> named = new LinkedHashMap<>();
    arguments.named().forEach((name, value) -> named.put(name, evaluate(value, scope)));
    return new CallArguments(callee, positional, named);
  }

  private Object sign(Expr.Sign sign, Scope scope) {
    Object operand = evaluate(sign.operand(), scope);
    return sign.negative() ? arithmetic.negate(operand) : arithmetic.apply("+", 0L, operand);
  }

  private Object concat(Expr.Concat concat, Scope scope) {
    Printer printer = new Printer(budget);
    StringBuilder text = new StringBuilder();
    for (Expr part : concat.parts()) {
      String piece = printer.text(evaluate(part, scope));
      budget.text(piece.length());
      budget.checkLength((long) text.length() + piece.length());
      text.append(piece);
    }
    return text.toString();
  }

  private Object compare(Expr.Compare compare, Scope scope) {
    Object left = evaluate(compare.first(), scope);
    for (Expr.Comparison comparison : compare.rest()) {
      Object right = evaluate(comparison.right(), scope);
      if (!holds(comparison.operator(), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private boolean holds(String operator, Object left, Object right) {
    return switch (operator) {
      case "==" -> Values.equal(left, right, budget);
      case "!=" -> !Values.equal(left, right, budget);
      case "in" -> Values.contains(right, left, budget);
      case "not in" -> !Values.contains(right, left, budget);
      default -> ordered(operator, left, right);
    };
  }

  private boolean ordered(String operator, Object left, Object right) {
    if (left instanceof Undefined undefined) {
      throw undefined.use();
    }
    if (right instanceof Undefined undefined) {
      throw undefined.use();
    }
    int order = Values.compare(left, right, budget);
    return switch (operator) {
      case "<" -> order < 0;
      case "<=" -> order <= 0;
      case ">" -> order > 0;
      default -> order >= 0;
    };
  }

  private Object conditional(Expr.Conditional conditional, Scope scope) {
    if (Values.truth(evaluate(conditional.condition(), scope))) {
      return evaluate(conditional.then(), scope);
    }
    return conditional.otherwise().isPresent()
        ? evaluate(conditional.otherwise().get(), scope)
        : new Undefined("the conditional without else is undefined");
  }

  private List<Object> items(List<Expr> expressions, Scope scope) {
    List<Object> items = new ArrayList<>(expressions.size());
    for (Expr expression : expressions) {
      items.add(evaluate(expression, scope));
    }
    return items;
  }

  private Map<Object, Object> dict(Expr.DictOf dict, Scope scope) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (Expr.Entry entry : dict.entries()) {
      map.put(Values.key(evaluate(entry.key(), scope)), evaluate(entry.value(), scope));
    }
    return map;
  }

  private Object slice(Expr.Slice slice, Scope scope) {
    Object target = evaluate(slice.target(), scope);
    if (target instanceof Undefined undefined) {
      throw undefined.use();
    }
    if (!(target instanceof String) && !(target instanceof List<?>)) {
      throw TemplateException.evaluation(
          "'" + Values.typeName(target) + "' object cannot be sliced");
    }
    List<Object> items = Values.items(target, budget);
    int step = bound(slice.step(), 1, scope);
    if (step == 0) {
      throw TemplateException.evaluation("slice step cannot be zero");
    }
    int size = items.size();
    int from = clamp(bound(slice.from(), step > 0 ? 0 : Integer.MAX_VALUE, scope), size, step);
    boolean open = slice.to().isEmpty() && step < 0;
    int to = open ? -1 : clamp(bound(slice.to(), Integer.MAX_VALUE, scope), size, step);
    budget.work(size);
    List<Object> part = new ArrayList<>();
    for (long i = from; step > 0 ? i < to : i > to; i += step) {
      part.add(items.get((int) i));
    }
    if (target instanceof String) {
      StringBuilder text = new StringBuilder();
      part.forEach(character -> text.append((String) character));
      return text.toString();
    }
    return target instanceof Tuple ? new Tuple(part) : part;
  }

  private int bound(Optional<Expr> bound, int fallback, Scope scope) {
    if (bound.isEmpty()) {
      return fallback;
    }
    Object value = evaluate(bound.get(), scope);
    return value == None.NONE ? fallback : Values.integer(value, "slice");
  }

  private static int clamp(int index, int size, int step) {
    int fromStart = index < 0 ? index + size : index;
    int low = step > 0 ? 0 : -1;
    int high = step > 0 ? size : size - 1;
    return Math.clamp(fromStart, low, Math.max(low, high));
  }
}
