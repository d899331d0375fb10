package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Parses expressions with the precedence of Jinja: conditional, or, and, not, comparison, plus and
/// minus, `~`, products, powers, signs, then calls, filters and tests.
final class ExprParser extends TokenCursor {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> NOT_A_TEST_ARGUMENT = Set.of("else", "or", "and", "if", "is");
  private static final Set<String> RESERVED = Set.of("and", "or", "not", "if", "else", "in", "is");

  private final int maxDepth;
  private int depth;

  ExprParser(String source, Limits limits) {
    super(ExprLexer.lex(source));
    this.maxDepth = limits.expressionDepth();
  }

  static Expr parse(String source, Limits limits) {
    ExprParser parser = new ExprParser(source, limits);
    Expr expression = parser.tuple();
    parser.end();
    return expression;
  }

  /// An expression, or several with commas between them, which make a tuple.
  Expr tuple() {
    Expr first = expression();
    if (!peek().is(",")) {
      return first;
    }
    List<Expr> items = new ArrayList<>(List.of(first));
    while (accept(",") && !endsTuple()) {
      items.add(expression());
    }
    return new Expr.TupleOf(List.copyOf(items));
  }

  private boolean endsTuple() {
    return peek().kind() == Token.Kind.END || peek().is(")") || peek().is("=");
  }

  /// What a `for` loops over, up to its `if`.
  Expr loopItems() {
    Expr first = expression(false);
    if (!peek().is(",")) {
      return first;
    }
    List<Expr> items = new ArrayList<>(List.of(first));
    while (accept(",")) {
      items.add(expression(false));
    }
    return new Expr.TupleOf(List.copyOf(items));
  }

  Expr expression() {
    return expression(true);
  }

  private Expr expression(boolean withConditional) {
    int outer = depth;
    deeper();
    Expr value = or();
    while (withConditional && acceptName("if")) {
      deeper();
      Expr condition = or();
      Optional<Expr> otherwise = acceptName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Expr.Conditional(condition, value, otherwise);
    }
    depth = outer;
    return value;
  }

  private Expr or() {
    Expr left = and();
    while (acceptName("or")) {
      deeper();
      left = new Expr.Or(left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (acceptName("and")) {
      deeper();
      left = new Expr.And(left, not());
    }
    return left;
  }

  private Expr not() {
    if (acceptName("not")) {
      deeper();
      return new Expr.Not(not());
    }
    return compare();
  }

  private Expr compare() {
    Expr first = sum();
    List<Expr.Comparison> rest = new ArrayList<>();
    while (true) {
      Token token = peek();
      if (token.kind() == Token.Kind.OPERATOR && COMPARISONS.contains(token.image())) {
        next();
        rest.add(new Expr.Comparison(token.image(), sum()));
      } else if (acceptName("in")) {
        rest.add(new Expr.Comparison("in", sum()));
      } else if (token.isName("not") && following().isName("in")) {
        next();
        next();
        rest.add(new Expr.Comparison("not in", sum()));
      } else {
        return rest.isEmpty() ? first : new Expr.Compare(first, List.copyOf(rest));
      }
    }
  }

  private Expr sum() {
    Expr left = concat();
    while (peek().is("+") || peek().is("-")) {
      deeper();
      String operator = next().image();
      left = new Expr.Binary(operator, left, concat());
    }
    return left;
  }

  private Expr concat() {
    Expr first = product();
    if (!peek().is("~")) {
      return first;
    }
    List<Expr> parts = new ArrayList<>(List.of(first));
    while (accept("~")) {
      parts.add(product());
    }
    return new Expr.Concat(List.copyOf(parts));
  }

  private Expr product() {
    Expr left = power();
    while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
      deeper();
      String operator = next().image();
      left = new Expr.Binary(operator, left, power());
    }
    return left;
  }

  private Expr power() {
    Expr left = unary(true);
    while (accept("**")) {
      deeper();
      left = new Expr.Binary("**", left, unary(true));
    }
    return left;
  }

  private Expr unary(boolean withFilters) {
    Expr value;
    if (peek().is("-") || peek().is("+")) {
      deeper();
      boolean negative = next().is("-");
      value = new Expr.Sign(negative, unary(false));
    } else {
      value = primary();
    }
    value = postfix(value);
    return withFilters ? filters(value) : value;
  }

  private Expr primary() {
    Token token = next();
    return switch (token.kind()) {
      case NAME -> named(token.image());
      case NUMBER -> new Expr.Literal(token.value());
      case TEXT -> {
        StringBuilder text = new StringBuilder((String) token.value());
        while (peek().kind() == Token.Kind.TEXT) {
          text.append((String) next().value());
        }
        yield new Expr.Literal(text.toString());
      }
      case OPERATOR -> bracketed(token);
      case END -> throw unexpected(token);
    };
  }

  private Expr named(String name) {
    return switch (name) {
      case "true", "True" -> new Expr.Literal(true);
      case "false", "False" -> new Expr.Literal(false);
      case "none", "None" -> new Expr.Literal(None.NONE);
      default -> {
        if (RESERVED.contains(name)) {
          throw TemplateException.syntax("unexpected '" + name + "'");
        }
        yield new Expr.Name(name);
      }
    };
  }

  private Expr bracketed(Token token) {
    int outer = depth;
    deeper();
    Expr value =
        switch (token.image()) {
          case "(" -> {
            if (accept(")")) {
              yield new Expr.TupleOf(List.of());
            }
            Expr inner = tuple();
            expect(")");
            yield inner;
          }
          case "[" -> new Expr.ListOf(items("]"));
          case "{" -> dict();
          default -> throw unexpected(token);
        };
    depth = outer;
    return value;
  }

  private List<Expr> items(String close) {
    List<Expr> items = new ArrayList<>();
    while (!accept(close)) {
      items.add(expression());
      if (!peek().is(close)) {
        expect(",");
      }
    }
    return List.copyOf(items);
  }

  private Expr dict() {
    List<Expr.Entry> entries = new ArrayList<>();
    while (!accept("}")) {
      Expr key = expression();
      expect(":");
      entries.add(new Expr.Entry(key, expression()));
      if (!peek().is("}")) {
        expect(",");
      }
    }
    return new Expr.DictOf(List.copyOf(entries));
  }

  private Expr postfix(Expr start) {
    Expr value = start;
    while (true) {
      if (accept(".")) {
        deeper();
        Token name = next();
        value =
            switch (name.kind()) {
              case NAME -> new Expr.Attribute(value, name.image());
              case NUMBER -> new Expr.Item(value, new Expr.Literal(name.value()));
              default -> throw unexpected(name);
            };
      } else if (accept("[")) {
        deeper();
        value = subscript(value);
      } else if (accept("(")) {
        deeper();
        value = new Expr.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expr subscript(Expr target) {
    Optional<Expr> from = peek().is(":") ? Optional.empty() : Optional.of(tuple());
    if (accept("]")) {
      return new Expr.Item(target, from.orElseThrow());
    }
    expect(":");
    Optional<Expr> to = sliceEnd();
    Optional<Expr> step = accept(":") ? sliceEnd() : Optional.empty();
    expect("]");
    return new Expr.Slice(target, from, to, step);
  }

  private Optional<Expr> sliceEnd() {
    return peek().is(":") || peek().is("]") ? Optional.empty() : Optional.of(expression());
  }

  /// Arguments after the opening parenthesis, through the closing one.
  Expr.Arguments arguments() {
    List<Expr> positional = new ArrayList<>();
    Map<String, Expr> named = new LinkedHashMap<>();
    while (!accept(")")) {
      if (peek().kind() == Token.Kind.NAME && following().is("=")) {
        String name = next().image();
        next();
        named.put(name, expression());
      } else if (!named.isEmpty()) {
        throw TemplateException.syntax("positional argument after a named one");
      } else {
        positional.add(expression());
      }
      if (!peek().is(")")) {
        expect(",");
      }
    }
    return new Expr.Arguments(List.copyOf(positional), named);
  }

  private Expr filters(Expr start) {
    Expr value = start;
    while (true) {
      if (accept("|")) {
        deeper();
        String name = filterName();
        value = new Expr.Filter(value, name, accept("(") ? arguments() : Expr.Arguments.NONE);
      } else if (acceptName("is")) {
        deeper();
        value = test(value);
      } else if (accept("(")) {
        deeper();
        value = new Expr.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  String filterName() {
    String name = name();
    if (!Filters.NAMES.contains(name)) {
      throw TemplateException.syntax("no filter named '" + name + "'");
    }
    return name;
  }

  private Expr test(Expr input) {
    boolean negated = acceptName("not");
    String name = name();
    if (!ValueTests.NAMES.contains(name)) {
      throw TemplateException.syntax("no test named '" + name + "'");
    }
    Expr.Arguments arguments = Expr.Arguments.NONE;
    if (accept("(")) {
      arguments = arguments();
    } else if (startsTestArgument()) {
      arguments = new Expr.Arguments(List.of(postfix(primary())), Map.of());
    }
    return new Expr.Test(input, name, arguments, negated);
  }

  private boolean startsTestArgument() {
    Token token = peek();
    return switch (token.kind()) {
      case NAME -> !NOT_A_TEST_ARGUMENT.contains(token.image()) && !isInOrNot(token);
      case TEXT, NUMBER -> true;
      case OPERATOR -> token.is("[") || token.is("{");
      case END -> false;
    };
  }

  private static boolean isInOrNot(Token token) {
    return token.isName("in") || token.isName("not");
  }

  private void deeper() {
    if (++depth > maxDepth) {
      throw TemplateException.limit("expression depth", depth, maxDepth);
    }
  }
}
