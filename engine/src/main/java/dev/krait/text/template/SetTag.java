package dev.krait.text.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.FlexibleTag;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.objects.Namespace;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.TagToken;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `{% set a, b = value %}`, `{% set ns.a = value %}`, and the block `{% set a | filter %}`.
final class SetTag implements Tag, FlexibleTag {
  private static final long serialVersionUID = 1L;

  /// What stands before and behind the equals sign, or before and from the bar of a block's
  /// filters.
  private record Clause(List<String> names, boolean assigns, @Nullable String expression) {
    static Clause of(String helpers) {
      boolean assigns = isAssignment(helpers);
      int mark = helpers.indexOf(assigns ? '=' : '|');
      if (mark < 0) {
        return new Clause(Tags.names(helpers), false, null);
      }
      String right = helpers.substring(mark);
      return new Clause(
          Tags.names(helpers.substring(0, mark)),
          assigns,
          assigns ? "(" + right.substring(1) + ")" : Tags.filtered(right));
    }
  }

  static boolean isAssignment(String helpers) {
    int bar = helpers.indexOf('|');
    int equals = helpers.indexOf('=');
    return equals >= 0 && (bar < 0 || equals < bar);
  }

  /// The expression of the tag, if it has one.
  static List<String> expressions(String helpers) {
    String expression = Clause.of(helpers).expression();
    return expression == null ? List.of() : List.of(expression);
  }

  @Override
  public String getName() {
    return "set";
  }

  @Override
  public boolean hasEndTag(TagToken token) {
    return !isAssignment(token.getHelpers());
  }

  @Override
  public String interpret(TagNode node, JinjavaInterpreter interpreter) {
    PromptInterpreter prompt = (PromptInterpreter) interpreter;
    Clause clause = Clause.of(node.getHelpers());
    String expression = clause.expression();
    Object value =
        clause.assigns() && expression != null
            ? prompt.evaluate(expression)
            : Tags.filtered(node, expression, prompt);
    List<String> names = clause.names();
    List<@Nullable Object> parts =
        names.size() == 1 ? Args.list(new Object[] {value}) : Tags.unpack(names, value);
    for (int i = 0; i < names.size(); i++) {
      assign(names.get(i), parts.get(i), prompt);
    }
    return "";
  }

  private static void assign(String target, @Nullable Object value, PromptInterpreter interpreter) {
    int dot = target.indexOf('.');
    if (dot < 0) {
      interpreter.assign(target, value);
    } else if (interpreter.variable(target.substring(0, dot)) instanceof Namespace namespace) {
      namespace.put(target.substring(dot + 1), value);
    } else {
      throw TemplateException.evaluation("set " + target + " (expected: a namespace)");
    }
  }
}
