package dev.krait.text.jinja;

import com.hubspot.jinjava.tree.ExpressionNode;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.TextNode;
import com.hubspot.jinjava.tree.parse.ExpressionToken;
import com.hubspot.jinjava.tree.parse.TextToken;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Turns Jinjava's tree into statements, so that every syntax error of a template shows when it is
/// compiled and not in the middle of a rendering.
final class StatementCompiler {
  private static final Set<String> ELSE = Set.of("else", "elif");

  private final Limits limits;
  private int depth;
  private int loops;

  StatementCompiler(Limits limits) {
    this.limits = limits;
  }

  List<Statement> compile(List<Node> nodes) {
    if (++depth > limits.blockDepth()) {
      throw TemplateException.limit("block depth", depth, limits.blockDepth());
    }
    List<Statement> statements = new ArrayList<>();
    for (Node node : nodes) {
      try {
        statement(node).ifPresent(statements::add);
      } catch (TemplateException e) {
        throw located(e, node);
      }
    }
    depth--;
    return List.copyOf(statements);
  }

  private static TemplateException located(TemplateException e, Node node) {
    String message = String.valueOf(e.getMessage());
    return message.startsWith("line ") || e.reason() != TemplateException.Reason.SYNTAX
        ? e
        : TemplateException.syntax("line " + node.getLineNumber() + ": " + message);
  }

  private Optional<Statement> statement(Node node) {
    int line = node.getLineNumber();
    return switch (node) {
      case TextNode text -> {
        String output = ((TextToken) text.getMaster()).output();
        yield output.isEmpty() ? Optional.empty() : Optional.of(new Statement.Text(line, output));
      }
      case ExpressionNode expression -> {
        String source = ((ExpressionToken) expression.getMaster()).getExpr();
        yield Optional.of(new Statement.Print(line, ExprParser.parse(source, limits)));
      }
      case TagNode tag -> tag(tag, line);
      default -> throw TemplateException.syntax("unknown node " + node.getName());
    };
  }

  private Optional<Statement> tag(TagNode tag, int line) {
    return switch (tag.getName()) {
      case SourceReader.COMMENT_TAG -> Optional.empty();
      case "if" -> Optional.of(choice(tag, line));
      case "for" -> Optional.of(loop(tag, line));
      case "set" -> Optional.of(set(tag, line));
      case "macro" -> Optional.of(macro(tag, line));
      case "call" -> Optional.of(callBlock(tag, line));
      case "filter" -> Optional.of(filterBlock(tag, line));
      case "with" -> Optional.of(with(tag, line));
      case "generation" ->
          Optional.of(new Statement.Scoped(line, List.of(), compile(tag.getChildren())));
      case "break" -> Optional.of(new Statement.Break(inLoop(tag, line)));
      case "continue" -> Optional.of(new Statement.Continue(inLoop(tag, line)));
      default -> throw TemplateException.syntax("tag '" + tag.getName() + "' is not supported");
    };
  }

  private int inLoop(TagNode tag, int line) {
    if (loops == 0) {
      throw TemplateException.syntax("'" + tag.getName() + "' outside of a loop");
    }
    return line;
  }

  private Statement choice(TagNode tag, int line) {
    List<Statement.Branch> branches = new ArrayList<>();
    Optional<Expr> condition = Optional.of(ExprParser.parse(tag.getHelpers(), limits));
    List<Node> body = new ArrayList<>();
    for (Node child : tag.getChildren()) {
      if (!isElse(child)) {
        body.add(child);
        continue;
      }
      if (condition.isEmpty()) {
        throw TemplateException.syntax("'" + child.getName() + "' after 'else'");
      }
      branches.add(new Statement.Branch(condition.get(), compile(body)));
      body.clear();
      condition =
          child.getName().equals("elif")
              ? Optional.of(ExprParser.parse(((TagNode) child).getHelpers(), limits))
              : Optional.empty();
    }
    List<Statement> last = compile(body);
    if (condition.isEmpty()) {
      return new Statement.If(line, List.copyOf(branches), last);
    }
    branches.add(new Statement.Branch(condition.get(), last));
    return new Statement.If(line, List.copyOf(branches), List.of());
  }

  private static boolean isElse(Node node) {
    return node instanceof TagNode tag && ELSE.contains(tag.getName());
  }

  private Statement loop(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    List<String> targets = targets(parser);
    if (!parser.acceptName("in")) {
      throw TemplateException.syntax("'in' expected in for, found '" + parser.peek().image() + "'");
    }
    Expr items = parser.loopItems();
    Optional<Expr> condition =
        parser.acceptName("if") ? Optional.of(parser.expression()) : Optional.empty();
    parser.end();
    List<Node> body = new ArrayList<>();
    List<Node> otherwise = new ArrayList<>();
    boolean seenElse = false;
    for (Node child : tag.getChildren()) {
      if (isElse(child)) {
        seenElse = true;
      } else {
        (seenElse ? otherwise : body).add(child);
      }
    }
    loops++;
    List<Statement> compiled = compile(body);
    loops--;
    return new Statement.For(line, targets, items, condition, compiled, compile(otherwise));
  }

  private static List<String> targets(ExprParser parser) {
    boolean bracket = parser.accept("(");
    List<String> targets = new ArrayList<>(List.of(parser.name()));
    while (parser.accept(",")) {
      targets.add(parser.name());
    }
    if (bracket) {
      parser.expect(")");
    }
    return List.copyOf(targets);
  }

  private Statement set(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    List<Statement.Target> targets = new ArrayList<>();
    do {
      String name = parser.name();
      Optional<String> attribute =
          parser.accept(".") ? Optional.of(parser.name()) : Optional.empty();
      targets.add(new Statement.Target(name, attribute));
    } while (parser.accept(","));
    if (parser.accept("=")) {
      Expr value = parser.tuple();
      parser.end();
      return new Statement.Set(line, List.copyOf(targets), value);
    }
    List<Statement.FilterCall> filters = parser.accept("|") ? filters(parser) : List.of();
    parser.end();
    return new Statement.SetBlock(line, targets.getFirst(), filters, body(tag));
  }

  /// The body of a block that a jump must not leave.
  private List<Statement> body(TagNode tag) {
    int outer = loops;
    loops = 0;
    List<Statement> body = compile(tag.getChildren());
    loops = outer;
    return body;
  }

  private static List<Statement.FilterCall> filters(ExprParser parser) {
    List<Statement.FilterCall> filters = new ArrayList<>();
    do {
      String name = parser.filterName();
      filters.add(
          new Statement.FilterCall(
              name, parser.accept("(") ? parser.arguments() : Expr.Arguments.NONE));
    } while (parser.accept("|"));
    return List.copyOf(filters);
  }

  private Statement filterBlock(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    List<Statement.FilterCall> filters = filters(parser);
    parser.end();
    return new Statement.FilterBlock(line, filters, body(tag));
  }

  private Statement macro(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    String name = parser.name();
    parser.expect("(");
    List<Statement.Parameter> parameters = parameters(parser);
    parser.end();
    return new Statement.Macro(line, name, parameters, body(tag));
  }

  private static List<Statement.Parameter> parameters(ExprParser parser) {
    List<Statement.Parameter> parameters = new ArrayList<>();
    while (!parser.accept(")")) {
      String name = parser.name();
      Optional<Expr> fallback =
          parser.accept("=") ? Optional.of(parser.expression()) : Optional.empty();
      parameters.add(new Statement.Parameter(name, fallback));
      if (!parser.peek().is(")")) {
        parser.expect(",");
      }
    }
    return List.copyOf(parameters);
  }

  private Statement callBlock(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    List<Statement.Parameter> parameters = parser.accept("(") ? parameters(parser) : List.of();
    Expr call = parser.expression();
    parser.end();
    if (!(call instanceof Expr.Call macro)) {
      throw TemplateException.syntax("'call' expects a call");
    }
    return new Statement.CallBlock(line, parameters, macro, body(tag));
  }

  private Statement with(TagNode tag, int line) {
    ExprParser parser = new ExprParser(tag.getHelpers(), limits);
    List<Statement.Set> variables = new ArrayList<>();
    while (parser.peek().kind() != Token.Kind.END) {
      Statement.Target target = new Statement.Target(parser.name(), Optional.empty());
      parser.expect("=");
      variables.add(new Statement.Set(line, List.of(target), parser.expression()));
      if (parser.peek().kind() != Token.Kind.END) {
        parser.expect(",");
      }
    }
    return new Statement.Scoped(line, List.copyOf(variables), compile(tag.getChildren()));
  }
}
