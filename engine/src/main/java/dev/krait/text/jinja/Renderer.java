package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Runs the statements of a template once.
final class Renderer {
  /// How a block ended: at its end, or by a jump that its loop has to obey.
  private enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  private final Budget budget;
  private final Evaluator evaluator;
  private final Printer printer;
  private StringBuilder out = new StringBuilder();
  private int line;

  Renderer(Budget budget) {
    this.budget = budget;
    this.evaluator = new Evaluator(budget);
    this.printer = new Printer(budget);
  }

  String render(List<Statement> body, Scope scope) {
    block(body, scope);
    return out.toString();
  }

  /// The line of the statement that ran last.
  int line() {
    return line;
  }

  private Flow block(List<Statement> body, Scope scope) {
    budget.enter();
    Flow flow = Flow.ON;
    for (int i = 0; i < body.size() && flow == Flow.ON; i++) {
      flow = run(body.get(i), scope);
    }
    budget.leave();
    return flow;
  }

  private Flow run(Statement statement, Scope scope) {
    budget.step();
    line = statement.line();
    return switch (statement) {
      case Statement.Text text -> print(text.text());
      case Statement.Print print -> print(printer.text(evaluator.evaluate(print.value(), scope)));
      case Statement.If choice -> choose(choice, scope);
      case Statement.For loop -> loop(loop, scope);
      case Statement.Set set -> set(set, scope, scope);
      case Statement.SetBlock set -> {
        Object text = filtered(capture(set.body(), new Scope(scope)), set.filters(), scope);
        assign(set.target(), text, scope);
        yield Flow.ON;
      }
      case Statement.FilterBlock filter ->
          print(
              printer.text(
                  filtered(capture(filter.body(), new Scope(scope)), filter.filters(), scope)));
      case Statement.Macro macro -> {
        scope.set(macro.name(), macro(macro.name(), macro.parameters(), macro.body(), scope));
        yield Flow.ON;
      }
      case Statement.CallBlock call -> callBlock(call, scope);
      case Statement.Scoped scoped -> {
        Scope inner = new Scope(scope);
        scoped.variables().forEach(variable -> set(variable, scope, inner));
        yield block(scoped.body(), inner);
      }
      case Statement.Break jump -> Flow.BREAK;
      case Statement.Continue jump -> Flow.CONTINUE;
    };
  }

  private Flow print(String text) {
    budget.checkLength((long) out.length() + text.length());
    budget.read(text.length());
    out.append(text);
    return Flow.ON;
  }

  private Flow choose(Statement.If choice, Scope scope) {
    for (Statement.Branch branch : choice.branches()) {
      if (Values.truth(evaluator.evaluate(branch.condition(), scope))) {
        return block(branch.body(), scope);
      }
    }
    return block(choice.otherwise(), scope);
  }

  private Flow loop(Statement.For statement, Scope scope) {
    List<Object> items = Values.items(evaluator.evaluate(statement.items(), scope), budget);
    Loop loop = new Loop(chosen(statement, items, scope));
    boolean ran = false;
    while (loop.advance()) {
      ran = true;
      budget.step();
      Scope inner = new Scope(scope);
      inner.set("loop", loop);
      unpack(statement.targets(), loop.item(), inner);
      if (block(statement.body(), inner) == Flow.BREAK) {
        break;
      }
    }
    return ran ? Flow.ON : block(statement.otherwise(), scope);
  }

  private List<Object> chosen(Statement.For statement, List<Object> items, Scope scope) {
    if (statement.condition().isEmpty()) {
      return items;
    }
    List<Object> chosen = new ArrayList<>();
    for (Object item : items) {
      Scope inner = new Scope(scope);
      unpack(statement.targets(), item, inner);
      if (Values.truth(evaluator.evaluate(statement.condition().get(), inner))) {
        chosen.add(item);
      }
    }
    return chosen;
  }

  private void unpack(List<String> targets, Object value, Scope scope) {
    if (targets.size() == 1) {
      scope.set(targets.getFirst(), value);
      return;
    }
    List<Object> parts = parts(value, targets.size());
    for (int i = 0; i < targets.size(); i++) {
      scope.set(targets.get(i), parts.get(i));
    }
  }

  private List<Object> parts(Object value, int count) {
    List<Object> parts = Values.items(value, budget);
    if (parts.size() != count) {
      throw TemplateException.evaluation(
          "values to unpack: " + parts.size() + " (expected: " + count + ")");
    }
    return parts;
  }

  private Flow set(Statement.Set set, Scope from, Scope to) {
    Object value = evaluator.evaluate(set.value(), from);
    if (set.targets().size() == 1) {
      assign(set.targets().getFirst(), value, to);
      return Flow.ON;
    }
    List<Object> parts = parts(value, set.targets().size());
    for (int i = 0; i < parts.size(); i++) {
      assign(set.targets().get(i), parts.get(i), to);
    }
    return Flow.ON;
  }

  private static void assign(Statement.Target target, Object value, Scope scope) {
    if (target.attribute().isEmpty()) {
      scope.set(target.name(), value);
    } else if (scope.get(target.name()) instanceof Namespace namespace) {
      namespace.set(target.attribute().get(), value);
    } else {
      throw TemplateException.evaluation("cannot assign attribute on non-namespace object");
    }
  }

  private Object filtered(Object value, List<Statement.FilterCall> filters, Scope scope) {
    Object result = value;
    for (Statement.FilterCall filter : filters) {
      result = evaluator.filter(filter.name(), result, filter.arguments(), scope);
    }
    return result;
  }

  private String capture(List<Statement> body, Scope scope) {
    StringBuilder outer = out;
    out = new StringBuilder();
    try {
      block(body, scope);
      budget.text(out.length());
      return out.toString();
    } finally {
      out = outer;
    }
  }

  private Callable macro(
      String name, List<Statement.Parameter> parameters, List<Statement> body, Scope definition) {
    return arguments -> {
      Scope inner = new Scope(definition);
      bind(name, parameters, arguments, inner);
      return capture(body, inner);
    };
  }

  private void bind(
      String name, List<Statement.Parameter> parameters, CallArguments arguments, Scope inner) {
    arguments.atMost(parameters.size());
    HashSet<String> unknown = new HashSet<>(arguments.named().keySet());
    unknown.remove("caller");
    for (int i = 0; i < parameters.size(); i++) {
      Statement.Parameter parameter = parameters.get(i);
      unknown.remove(parameter.name());
      Object fallback = new Undefined("parameter '" + parameter.name() + "' was not provided");
      boolean given =
          i < arguments.positional().size() || arguments.named().containsKey(parameter.name());
      Object value =
          given || parameter.fallback().isEmpty()
              ? arguments.get(i, parameter.name(), fallback)
              : evaluator.evaluate(parameter.fallback().get(), inner);
      inner.set(parameter.name(), value);
    }
    Object caller = arguments.named().get("caller");
    if (caller != null) {
      inner.set("caller", caller);
    }
    if (!unknown.isEmpty()) {
      throw TemplateException.evaluation(
          "macro '" + name + "' takes no keyword argument " + unknown);
    }
  }

  private Flow callBlock(Statement.CallBlock block, Scope scope) {
    Callable caller = macro("caller", block.parameters(), block.body(), scope);
    Object target = evaluator.evaluate(block.call().target(), scope);
    CallArguments given = evaluator.arguments("call", block.call().arguments(), scope);
    Map<String, Object> named = new LinkedHashMap<>(given.named());
    named.put("caller", caller);
    Object result = evaluator.call(target, new CallArguments("call", given.positional(), named));
    return print(printer.text(result));
  }
}
