package dev.krait.template;

import dev.krait.template.Lexer.Kind;
import dev.krait.template.Lexer.Token;
import dev.krait.template.Scope.Target;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads the tags of a template.
final class StatementParser {
  private static final Set<String> REFUSED =
      Set.of("include", "import", "from", "extends", "autoescape");
  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");

  /// What is read: the template and the names and texts in it.
  record Parsed(Stmt body, Set<String> read, Set<String> quoted) {}

  private final Tokens tokens;
  private final ExpressionParser expressions;
  private final Set<String> blocks = new HashSet<>();
  private int loops;

  private StatementParser(Tokens tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  static Parsed parse(String source, TemplateLimits limits) {
    StatementParser parser =
        new StatementParser(new Tokens(Lexer.tokens(source), limits.nesting()));
    Stmt body = parser.body(Set.of());
    parser.expressions.refuseUnknown();
    return new Parsed(body, parser.expressions.exchangeRead(Set.of()), parser.expressions.quoted());
  }

  /// Statements up to a tag with one of these names, which is next then.
  private Stmt body(Set<String> ends) {
    tokens.enter();
    List<Stmt> statements = new ArrayList<>();
    while (!tokens.is(Kind.END)) {
      Token token = tokens.next();
      switch (token.kind()) {
        case DATA -> statements.add(new Stmt.Data(token.text()));
        case PRINT_BEGIN -> {
          statements.add(new Stmt.Print(expressions.tuple(true, ""), token.line()));
          tokens.expect(Kind.PRINT_END);
        }
        default -> {
          if (tokens.is(Kind.NAME) && ends.contains(tokens.peek().text())) {
            tokens.leave();
            return new Stmt.Body(statements);
          }
          statements.add(statement());
          tokens.expect(Kind.BLOCK_END);
        }
      }
    }
    if (!ends.isEmpty()) {
      throw tokens.fail(
          "Unexpected end of template. Jinja was looking for the following tags: "
              + String.join(" or ", ends.stream().sorted().toList()));
    }
    tokens.leave();
    return new Stmt.Body(statements);
  }

  /// The end of a tag, a body, and the name that ends it.
  private Stmt inside(String... ends) {
    tokens.skip(":");
    tokens.expect(Kind.BLOCK_END);
    return body(Set.of(ends));
  }

  /// The same for a body that no other name than its end can end.
  private Stmt insideAlone(String end) {
    Stmt body = inside(end);
    tokens.expectName(end);
    return body;
  }

  private Stmt statement() {
    Token tag = tokens.expect(Kind.NAME);
    int line = tag.line();
    return switch (tag.text()) {
      case "if" -> branches();
      case "for" -> loop(line);
      case "set" -> assignment(line);
      case "macro" -> {
        String name = tokens.expect(Kind.NAME).text();
        yield new Stmt.Define(definition(name, "endmacro"));
      }
      case "call" -> callBlock(line);
      case "filter" -> {
        Expr filters = expressions.filters(expressions.filter(new Stmt.Captured()));
        yield new Stmt.Capture(null, filters, insideAlone("endfilter"), line);
      }
      case "with" -> with();
      case "print" -> new Stmt.Print(expressions.tuple(true, ""), line);
      case "generation" -> new Stmt.Inner(false, insideAlone("endgeneration"));
      case "block" -> block();
      case "break" -> jump(Stmt.Flow.BREAK, line);
      case "continue" -> jump(Stmt.Flow.CONTINUE, line);
      default ->
          throw TemplateException.syntax(
              line,
              REFUSED.contains(tag.text())
                  ? "the tag '" + tag.text() + "' is not supported: a chat template is one file"
                  : "Encountered unknown tag '" + tag.text() + "'.");
    };
  }

  private Stmt jump(Stmt.Flow flow, int line) {
    if (loops == 0) {
      throw TemplateException.syntax(line, "'break' and 'continue' need a loop around them");
    }
    return new Stmt.Jump(flow);
  }

  private Stmt branches() {
    int before = expressions.unknowns();
    List<Stmt.Branch> branches = new ArrayList<>();
    Stmt otherwise = new Stmt.Body(List.of());
    String end = "elif";
    while (end.equals("elif")) {
      int line = tokens.line();
      Expr test = expressions.tuple(false, "");
      branches.add(new Stmt.Branch(test, inside("elif", "else", "endif"), line));
      end = tokens.next().text();
    }
    if (end.equals("else")) {
      otherwise = insideAlone("endif");
    }
    expressions.tolerate(before);
    return new Stmt.If(branches, otherwise);
  }

  private Stmt loop(int line) {
    Target target = target(true, "in", false);
    tokens.expectName("in");
    Expr items = expressions.tuple(false, "recursive");
    Expr test = tokens.skipName("if") ? expressions.expression() : null;
    boolean recursive = tokens.skipName("recursive");
    loops++;
    Stmt body = inside("endfor", "else");
    loops--;
    Stmt otherwise =
        tokens.next().text().equals("else") ? insideAlone("endfor") : new Stmt.Body(List.of());
    return new Stmt.For(new Stmt.For.Head(target, items, test, recursive, line), body, otherwise);
  }

  private Stmt assignment(int line) {
    Target target = target(true, "", true);
    if (tokens.skip("=")) {
      return new Stmt.Set(target, expressions.tuple(true, ""), line);
    }
    Expr filters = expressions.filters(new Stmt.Captured());
    return new Stmt.Capture(target, filters, insideAlone("endset"), line);
  }

  private Stmt with() {
    List<Target> targets = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!tokens.is(Kind.BLOCK_END)) {
      if (!targets.isEmpty()) {
        tokens.expect(",");
      }
      targets.add(target(true, "", false));
      tokens.expect("=");
      values.add(expressions.expression());
    }
    return new Stmt.With(targets, values, insideAlone("endwith"));
  }

  private Stmt block() {
    String name = tokens.expect(Kind.NAME).text();
    if (!blocks.add(name)) {
      throw tokens.fail("block '" + name + "' defined twice");
    }
    boolean scoped = tokens.skipName("scoped");
    if (tokens.isName("required")) {
      throw tokens.fail("a required block is not supported: a chat template is one file");
    }
    int outer = loops;
    loops = 0;
    Stmt body = inside("endblock");
    loops = outer;
    tokens.expectName("endblock");
    tokens.skipName(name);
    return new Stmt.Inner(!scoped, body);
  }

  private Stmt callBlock(int line) {
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    Set<String> outer = expressions.exchangeRead(new HashSet<>());
    if (tokens.isOperator("(")) {
      signature(parameters, defaults);
    }
    Set<String> ofSignature = expressions.exchangeRead(outer);
    outer.addAll(ofSignature);
    if (!(expressions.expression() instanceof Expr.Call call)) {
      throw TemplateException.syntax(line, "expected call");
    }
    return new Stmt.CallBlock(call, definition("", parameters, defaults, "endcall"), line);
  }

  private Macro.Definition definition(String name, String end) {
    List<String> parameters = new ArrayList<>();
    List<Expr> defaults = new ArrayList<>();
    signature(parameters, defaults);
    return definition(name, parameters, defaults, end);
  }

  private Macro.Definition definition(
      String name, List<String> parameters, List<Expr> defaults, String end) {
    int loopsAround = loops;
    loops = 0;
    Set<String> outer = expressions.exchangeRead(new HashSet<>());
    Stmt body = insideAlone(end);
    Set<String> read = expressions.exchangeRead(outer);
    outer.addAll(read);
    loops = loopsAround;
    return new Macro.Definition(name, parameters, defaults, body, read);
  }

  private void signature(List<String> parameters, List<Expr> defaults) {
    tokens.expect("(");
    while (!tokens.skip(")")) {
      if (!parameters.isEmpty()) {
        tokens.expect(",");
      }
      parameters.add(tokens.expect(Kind.NAME).text());
      if (tokens.skip("=")) {
        defaults.add(expressions.expression());
      } else if (!defaults.isEmpty()) {
        throw tokens.fail("non-default argument follows default argument");
      }
    }
  }

  /// What stands left of `=` or `in`.
  private Target target(boolean several, String end, boolean attributes) {
    tokens.enter();
    List<Target> targets = new ArrayList<>();
    boolean comma = false;
    do {
      if (comma && (tokens.isOperator("=") || tokens.isOperator(")") || isName(end))) {
        break;
      }
      targets.add(single(attributes));
      comma |= tokens.isOperator(",");
    } while (several && tokens.skip(","));
    tokens.leave();
    return comma ? new Target.ToAll(targets) : targets.getFirst();
  }

  private boolean isName(String end) {
    return !end.isEmpty() && tokens.isName(end);
  }

  private Target single(boolean attributes) {
    if (tokens.skip("(")) {
      Target inner = target(true, "", attributes);
      tokens.expect(")");
      return inner;
    }
    if (!tokens.is(Kind.NAME) || CONSTANTS.contains(tokens.peek().text())) {
      throw tokens.fail("can't assign to '" + tokens.peek() + "'");
    }
    String name = tokens.next().text();
    return attributes && tokens.skip(".")
        ? new Target.ToAttribute(name, tokens.expect(Kind.NAME).text())
        : new Target.ToName(name);
  }
}
