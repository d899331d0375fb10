package dev.krait.text.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The tags, their expressions, and how their bodies are rendered: blocks end at a break of the
/// loop around them.
final class Tags {
  /// Holds the text of a block while its filters are applied.
  private static final String BODY = "____body____";

  private static final Pattern NAME = Pattern.compile("[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)?");

  private static final List<Tag> ALL =
      List.of(
          new ForTag(),
          new SetTag(),
          new If(),
          new Block("macro", Tags::define),
          new Block("call", Tags::call),
          new Block("filter", (node, in) -> filtered(node, filtered("|" + node.getHelpers()), in)),
          new Block("with", Tags::with),
          // Marks what the model wrote, for training; prints its body.
          new Block("generation", (node, in) -> render(node.getChildren(), in)),
          new Skip("break"),
          new Skip("continue"));

  private Tags() {}

  static List<Tag> all() {
    return ALL;
  }

  static boolean isKnown(String name) {
    return Set.of("elif", "else", "do").contains(name)
        || ALL.stream().anyMatch(tag -> tag.getName().equals(name));
  }

  /// The expressions of a tag.
  static List<String> expressions(TagNode node) {
    String helpers = node.getHelpers();
    return switch (node.getName()) {
      case "if", "elif", "do" -> List.of(helpers);
      case "set" -> SetTag.expressions(helpers);
      case "for" -> ForTag.expressions(helpers);
      case "macro" -> Macro.Signature.of(helpers).defaults();
      case "call" -> {
        CallClause clause = CallClause.of(helpers);
        List<String> expressions = new ArrayList<>(clause.signature().defaults());
        expressions.add(clause.expression());
        yield expressions;
      }
      case "filter" -> List.of(filtered("|" + helpers));
      case "with" -> List.of("dict(" + helpers + ")");
      default -> List.of();
    };
  }

  /// Renders nodes until a break or continue of the loop around them.
  static String render(List<Node> nodes, PromptInterpreter interpreter) {
    Loop loop = interpreter.variable("loop") instanceof Loop around ? around : null;
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

  static boolean isTag(Node node, String name) {
    return node instanceof TagNode tag && tag.getName().equals(name);
  }

  /// The names of `a, b` or `(a, b)`, with dots for attributes of namespaces.
  static List<String> names(String targets) {
    String list = targets.strip();
    if (list.startsWith("(") && list.endsWith(")")) {
      list = list.substring(1, list.length() - 1);
    }
    List<String> names = ExpressionText.split(list).stream().map(String::strip).toList();
    if (names.isEmpty() || !names.stream().allMatch(name -> NAME.matcher(name).matches())) {
      throw TemplateException.syntax("assignment to " + targets + " (expected: names)");
    }
    return names;
  }

  static List<@Nullable Object> unpack(List<String> names, @Nullable Object value) {
    List<@Nullable Object> parts = Values.items(value);
    if (parts.size() != names.size()) {
      throw TemplateException.evaluation("cannot unpack " + parts.size() + " values into " + names);
    }
    return parts;
  }

  /// The expression that applies filters, `|` and what follows, to the body of a block.
  static String filtered(String filters) {
    return BODY + filters;
  }

  /// The body of a block after such an expression, if there is one.
  static String filtered(TagNode node, @Nullable String expression, PromptInterpreter interpreter) {
    try (var _ = interpreter.enterScope()) {
      String body = render(node.getChildren(), interpreter);
      interpreter.assign(BODY, body);
      return expression == null ? body : interpreter.getAsString(interpreter.evaluate(expression));
    }
  }

  private static String define(TagNode node, PromptInterpreter interpreter) {
    Macro.Signature signature = Macro.Signature.of(node.getHelpers());
    Macro macro = new Macro(signature, node.getChildren(), interpreter.getContext());
    interpreter.assign(signature.name(), macro);
    return "";
  }

  /// `(a, b) macro(x)`: the call with one more argument, and the signature of the body.
  private record CallClause(Macro.Signature signature, String expression) {
    private static final Pattern FORM =
        Pattern.compile("(\\([^()]*\\))?\\s*+(\\w.*)\\)", Pattern.DOTALL);

    static CallClause of(String helpers) {
      Matcher form = FORM.matcher(helpers.strip());
      if (!form.matches()) {
        throw TemplateException.syntax("call " + helpers + " (expected: a macro with arguments)");
      }
      String call = form.group(2).strip();
      String comma = call.endsWith("(") || call.endsWith(",") ? "" : ", ";
      String parameters = form.group(1) == null ? "()" : form.group(1);
      return new CallClause(
          Macro.Signature.of(Macro.CALLER + parameters),
          call + comma + Macro.CALLER + "=" + BODY + ")");
    }
  }

  private static String call(TagNode node, PromptInterpreter interpreter) {
    CallClause clause = CallClause.of(node.getHelpers());
    Macro caller = new Macro(clause.signature(), node.getChildren(), interpreter.getContext());
    try (var _ = interpreter.enterScope()) {
      interpreter.assign(BODY, caller);
      return interpreter.getAsString(interpreter.evaluate(clause.expression()));
    }
  }

  private static String with(TagNode node, PromptInterpreter interpreter) {
    Object values = interpreter.evaluate("dict(" + node.getHelpers() + ")");
    try (var _ = interpreter.enterScope()) {
      if (values instanceof Map<?, ?> map) {
        map.forEach((name, value) -> interpreter.assign(String.valueOf(name), value));
      }
      return render(node.getChildren(), interpreter);
    }
  }

  private static final class Block implements Tag {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final transient BiFunction<TagNode, PromptInterpreter, String> work;

    Block(String name, BiFunction<TagNode, PromptInterpreter, String> work) {
      this.name = name;
      this.work = work;
    }

    @Override
    public String getName() {
      return name;
    }

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
      return work.apply(node, (PromptInterpreter) interpreter);
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
      PromptInterpreter prompt = (PromptInterpreter) interpreter;
      boolean holds = Values.truth(prompt.evaluate(node.getHelpers()));
      List<Node> taken = new ArrayList<>();
      for (Node child : node.getChildren()) {
        if (isTag(child, "elif") || isTag(child, "else")) {
          if (holds) {
            break;
          }
          TagNode branch = (TagNode) child;
          holds = isTag(child, "else") || Values.truth(prompt.evaluate(branch.getHelpers()));
        } else if (holds) {
          taken.add(child);
        }
      }
      return render(taken, prompt);
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
      if (!(((PromptInterpreter) interpreter).variable("loop") instanceof Loop loop)) {
        throw TemplateException.evaluation(name + " outside of a loop");
      }
      loop.skip(name.equals("break"));
      return "";
    }
  }
}
