package dev.krait.text.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.SetTag;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.TagToken;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The tags whose Jinjava version differs from Jinja2: loops with a condition, an else and a scope
/// for each pass, blocks that end at a break, and assignments of tuples.
final class Tags {
  private static final Set<String> KNOWN =
      Set.of("if", "elif", "else", "for", "set", "macro", "break", "continue", "generation", "do");

  private Tags() {}

  static List<Tag> all() {
    return List.of(
        new For(),
        new If(),
        new Assign(),
        new Generation(),
        new Skip("break"),
        new Skip("continue"));
  }

  static boolean isKnown(String name) {
    return KNOWN.contains(name);
  }

  /// The expressions of a tag.
  static List<String> expressions(TagNode node) {
    String helpers = node.getHelpers().strip();
    return switch (node.getName()) {
      case "if", "elif", "do" -> List.of(helpers);
      case "set" -> {
        int assigned = helpers.indexOf('=');
        yield assigned < 0 ? List.of() : List.of("[" + helpers.substring(assigned + 1) + "]");
      }
      case "for" -> {
        ForClause clause = ForClause.of(helpers);
        yield clause.condition() == null
            ? List.of(clause.list())
            : List.of(clause.list(), clause.condition());
      }
      default -> List.of();
    };
  }

  /// `a, b in list if condition`.
  private record ForClause(List<String> names, String list, @Nullable String condition) {
    private static final Pattern FORM =
        Pattern.compile("\\(?([\\w\\s,]+?)\\)?\\s+in\\s+(.+)", Pattern.DOTALL);

    static ForClause of(String helpers) {
      Matcher form = FORM.matcher(helpers);
      if (!form.matches()) {
        throw TemplateException.syntax("for " + helpers + " (expected: name in list)");
      }
      String list = form.group(2);
      int condition = ExpressionText.find(list, "if");
      String tail = condition < 0 ? list : list.substring(condition + 2);
      if (ExpressionText.find(tail, "recursive") >= 0) {
        throw TemplateException.syntax("a recursive loop is not supported");
      }
      return new ForClause(
          List.of(form.group(1).strip().split("\\s*,\\s*")),
          condition < 0 ? list : list.substring(0, condition),
          condition < 0 ? null : tail);
    }
  }

  private static @Nullable Object evaluate(
      String expression, TagNode node, JinjavaInterpreter interpreter) {
    Budget.current().expression(expression.length());
    return interpreter.resolveELExpression(expression.strip(), node.getLineNumber());
  }

  /// Renders nodes until a break or continue of the loop around them.
  private static String render(List<Node> nodes, JinjavaInterpreter interpreter) {
    Loop loop = interpreter.getContext().get("loop") instanceof Loop around ? around : null;
    StringBuilder out = new StringBuilder();
    for (Node node : nodes) {
      out.append(node.render(interpreter).getValue());
      if (loop != null && loop.isSkipping()) {
        break;
      }
    }
    Budget.current().text(out.length());
    return out.toString();
  }

  private static boolean isTag(Node node, String name) {
    return node instanceof TagNode tag && tag.getName().equals(name);
  }

  private static final class For implements Tag {
    private static final long serialVersionUID = 1L;

    @Override
    public String getName() {
      return "for";
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      ForClause clause = ForClause.of(node.getHelpers().strip());
      List<@Nullable Object> items = Values.items(evaluate(clause.list(), node, interpreter));
      String condition = clause.condition();
      if (condition != null) {
        items.removeIf(item -> {
          try (var _ = interpreter.enterScope()) {
            assign(clause.names(), item, interpreter);
            return !Values.truth(evaluate(condition, node, interpreter));
          }
        });
      }
      List<Node> children = node.getChildren();
      int split = children.stream().map(child -> isTag(child, "else")).toList().indexOf(true);
      List<Node> body = split < 0 ? children : children.subList(0, split);
      if (items.isEmpty()) {
        return split < 0 ? "" : render(children.subList(split + 1, children.size()), interpreter);
      }
      Loop loop = new Loop(items, interpreter.getContext().get("loop"));
      StringBuilder out = new StringBuilder();
      while (loop.next()) {
        Budget.current().expression(0);
        try (var _ = interpreter.enterScope()) {
          interpreter.getContext().put("loop", loop);
          assign(clause.names(), loop.item(), interpreter);
          out.append(render(body, interpreter));
        }
      }
      Budget.current().text(out.length());
      return out.toString();
    }

    private static void assign(
        List<String> names, @Nullable Object item, JinjavaInterpreter interpreter) {
      List<@Nullable Object> parts = new ArrayList<>();
      if (names.size() == 1) {
        parts.add(item);
      } else {
        parts.addAll(Values.items(item));
      }
      if (parts.size() != names.size()) {
        throw TemplateException.evaluation(
            "cannot unpack " + parts.size() + " values into " + names);
      }
      for (int i = 0; i < names.size(); i++) {
        interpreter.getContext().put(names.get(i), parts.get(i));
      }
    }
  }

  private static final class If implements Tag {
    private static final long serialVersionUID = 1L;

    @Override
    public String getName() {
      return "if";
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      boolean holds = Values.truth(evaluate(node.getHelpers(), node, interpreter));
      List<Node> taken = new ArrayList<>();
      for (Node child : node.getChildren()) {
        if (isTag(child, "elif") || isTag(child, "else")) {
          if (holds) {
            break;
          }
          TagNode branch = (TagNode) child;
          holds =
              isTag(child, "else")
                  || Values.truth(evaluate(branch.getHelpers(), branch, interpreter));
        } else if (holds) {
          taken.add(child);
        }
      }
      return render(taken, interpreter);
    }
  }

  private static final class Assign extends SetTag {
    private static final long serialVersionUID = 1L;

    @Override
    public void executeSet(
        TagToken token,
        JinjavaInterpreter interpreter,
        String[] names,
        @Nullable List<?> values,
        boolean override) {
      List<?> assigned = values;
      if (values != null && names.length == 1 && values.size() > 1) {
        assigned = List.of(new Tuple(values));
      } else if (values != null && names.length > 1 && values.size() == 1) {
        assigned = Values.items(values.getFirst());
      }
      super.executeSet(token, interpreter, names, assigned, override);
    }
  }

  /// Marks what the model wrote, for training; prints its body.
  private static final class Generation implements Tag {
    private static final long serialVersionUID = 1L;

    @Override
    public String getName() {
      return "generation";
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      return render(node.getChildren(), interpreter);
    }
  }

  private static final class Skip implements Tag {
    private static final long serialVersionUID = 1L;

    private final String name;

    Skip(String name) {
      this.name = name;
    }

    @Override
    public String getName() {
      return name;
    }

    @Override
    public @Nullable String getEndTagName() {
      return null;
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      if (!(interpreter.getContext().get("loop") instanceof Loop loop)) {
        throw TemplateException.evaluation(name + " outside of a loop");
      }
      loop.skip(name.equals("break"));
      return "";
    }
  }
}
