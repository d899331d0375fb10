package dev.krait.text.template;

import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Loops with a condition, an else, a scope for each pass, and calls of themselves.
final class ForTag implements Tag {
  private static final long serialVersionUID = 1L;

  /// `a, b in list if condition recursive`.
  private record Clause(
      List<String> names, String list, @Nullable String condition, boolean recursive) {
    static Clause of(String helpers) {
      int in = ExpressionText.find(helpers, "in");
      if (in < 0) {
        throw TemplateException.syntax("for " + helpers + " (expected: name in list)");
      }
      String list = helpers.substring(in + 2).stripTrailing();
      int condition = ExpressionText.find(list, "if");
      boolean recursive =
          ExpressionText.find(list.substring(condition + 1), "recursive") >= 0
              && list.endsWith("recursive");
      if (recursive) {
        list = list.substring(0, list.length() - "recursive".length());
      }
      return new Clause(
          Tags.names(helpers.substring(0, in)),
          "(" + (condition < 0 ? list : list.substring(0, condition)) + ")",
          condition < 0 ? null : list.substring(condition + 2),
          recursive);
    }
  }

  static List<String> expressions(String helpers) {
    Clause clause = Clause.of(helpers);
    String condition = clause.condition();
    return condition == null ? List.of(clause.list()) : List.of(clause.list(), condition);
  }

  @Override
  public String getName() {
    return "for";
  }

  @Override
  public String interpret(TagNode node, JinjavaInterpreter interpreter) {
    PromptInterpreter prompt = (PromptInterpreter) interpreter;
    Clause clause = Clause.of(node.getHelpers());
    return loop(node, clause, prompt.evaluate(clause.list()), prompt);
  }

  private static String loop(
      TagNode node, Clause clause, @Nullable Object list, PromptInterpreter interpreter) {
    List<@Nullable Object> items = Values.items(list);
    String condition = clause.condition();
    if (condition != null) {
      items.removeIf(item -> {
        try (var _ = interpreter.enterScope()) {
          assign(clause.names(), item, interpreter);
          return !Values.truth(interpreter.evaluate(condition));
        }
      });
    }
    List<Node> children = node.getChildren();
    int split = children.stream().map(child -> Tags.isTag(child, "else")).toList().indexOf(true);
    List<Node> body = split < 0 ? children : children.subList(0, split);
    if (items.isEmpty()) {
      List<Node> otherwise = children.subList(split < 0 ? children.size() : split, children.size());
      return Tags.render(otherwise, interpreter);
    }
    Loop loop = new Loop(items, interpreter.variable("loop"), again(node, clause, interpreter));
    StringBuilder out = new StringBuilder();
    while (loop.next()) {
      Budget.current().expression(0);
      try (var _ = interpreter.enterScope()) {
        interpreter.assign("loop", loop);
        assign(clause.names(), loop.item(), interpreter);
        out.append(Tags.render(body, interpreter));
      }
    }
    Budget.current().text(out.length());
    return out.toString();
  }

  /// What `loop(items)` does within the loop.
  private static Invocable again(TagNode node, Clause clause, PromptInterpreter interpreter) {
    Context scope = interpreter.getContext();
    return args -> {
      if (!clause.recursive()) {
        throw TemplateException.evaluation("the loop is not recursive: it cannot be called");
      }
      Object caller = PromptInterpreter.current().variable("loop");
      return PromptInterpreter.current()
          .within(
              scope,
              inside -> {
                inside.assign("loop", caller);
                return loop(node, clause, args.first("loop"), inside);
              });
    };
  }

  private static void assign(
      List<String> names, @Nullable Object item, PromptInterpreter interpreter) {
    if (names.size() == 1) {
      interpreter.assign(names.getFirst(), item);
      return;
    }
    List<@Nullable Object> parts = Tags.unpack(names, item);
    for (int i = 0; i < names.size(); i++) {
      interpreter.assign(names.get(i), parts.get(i));
    }
  }
}
