package dev.krait.template;

import dev.krait.template.Lexer.Kind;
import dev.krait.template.Lexer.Token;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Reads expressions, with the precedence of jinja2.
final class ExpressionParser {
  /// The operators of each level, loosest first. `not` is level 2, comparisons are level 3.
  private static final List<Set<String>> LEVELS =
      List.of(
          Set.of("or"),
          Set.of("and"),
          Set.of(),
          Set.of(),
          Set.of("+", "-"),
          Set.of("~"),
          Set.of("*", "/", "//", "%"),
          Set.of("**"));

  private static final int NOT = 2;
  private static final int COMPARISON = 3;
  private static final int CONCAT = 5;
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<Kind> ARGUMENT_OF_TEST =
      Set.of(Kind.NAME, Kind.STRING, Kind.INTEGER, Kind.FLOAT);

  private final Tokens tokens;
  private final Set<String> quoted = new HashSet<>();
  private Set<String> read = new HashSet<>();

  /// Filters and tests that are not known, outside of branches that may not be taken.
  private final List<TemplateException> unknown = new ArrayList<>();

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  /// All texts that stand in quotes.
  Set<String> quoted() {
    return quoted;
  }

  /// The names that were read since the last exchange of the set.
  Set<String> exchangeRead(Set<String> other) {
    Set<String> before = read;
    read = other;
    return before;
  }

  int unknowns() {
    return unknown.size();
  }

  /// Forgets the unknown names since there were this many: they fail only when they are reached.
  void tolerate(int since) {
    unknown.subList(since, unknown.size()).clear();
  }

  void refuseUnknown() {
    if (!unknown.isEmpty()) {
      throw unknown.getFirst();
    }
  }

  Expr expression() {
    tokens.enter();
    int before = unknown.size();
    Expr value = binary(0);
    while (tokens.skipName("if")) {
      Expr test = binary(0);
      Expr otherwise =
          tokens.skipName("else")
              ? expression()
              : new Expr.Constant(
                  Undefined.because(
                      "the inline if-expression evaluated to false and no else section was"
                          + " defined."));
      value = new Expr.Conditional(test, value, otherwise);
      tolerate(before);
    }
    tokens.leave();
    return value;
  }

  /// An expression that may be several with commas between them.
  ///
  /// @param end the name that may end it after a comma
  Expr tuple(boolean conditional, String end) {
    List<Expr> items = new ArrayList<>();
    boolean comma = false;
    do {
      if (endsTuple(end)) {
        break;
      }
      items.add(conditional ? expression() : binary(0));
      comma |= tokens.isOperator(",");
    } while (tokens.skip(","));
    if (!comma && items.isEmpty()) {
      throw tokens.fail("Expected an expression, got '" + tokens.peek() + "'");
    }
    return comma ? new Expr.Listing(items, true) : items.getFirst();
  }

  private boolean endsTuple(String end) {
    return tokens.is(Kind.PRINT_END)
        || tokens.is(Kind.BLOCK_END)
        || tokens.isOperator(")")
        || (!end.isEmpty() && tokens.isName(end));
  }

  Expr binary(int level) {
    if (level == LEVELS.size()) {
      return unary(true);
    }
    if (level == NOT) {
      if (!tokens.skipName("not")) {
        return comparison();
      }
      tokens.enter();
      Expr negated = new Expr.Not(binary(NOT));
      tokens.leave();
      return negated;
    }
    Expr left = binary(level + 1);
    while (LEVELS.get(level).contains(tokens.peek().text())
        && (tokens.is(Kind.OPERATOR) || (level < NOT && tokens.is(Kind.NAME)))) {
      if (level == CONCAT) {
        List<Expr> parts = new ArrayList<>(List.of(left));
        while (tokens.skip("~")) {
          parts.add(binary(level + 1));
        }
        return new Expr.Concat(parts);
      }
      String operator = tokens.next().text();
      Expr right = binary(level + 1);
      left =
          level < NOT
              ? new Expr.Either(operator.equals("or"), left, right)
              : new Expr.Binary(operator, left, right);
    }
    return left;
  }

  private Expr comparison() {
    Expr first = binary(COMPARISON + 1);
    List<String> operators = new ArrayList<>();
    List<Expr> operands = new ArrayList<>();
    while (true) {
      if (tokens.is(Kind.OPERATOR) && COMPARISONS.contains(tokens.peek().text())) {
        operators.add(tokens.next().text());
      } else if (tokens.skipName("in")) {
        operators.add("in");
      } else if (tokens.isName("not") && tokens.isFollowedBy(Kind.NAME, "in")) {
        tokens.next();
        tokens.next();
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Expr.Compare(first, operators, operands);
      }
      operands.add(binary(COMPARISON + 1));
    }
  }

  private Expr unary(boolean filtered) {
    Expr value;
    if (tokens.isOperator("-") || tokens.isOperator("+")) {
      String sign = tokens.next().text();
      tokens.enter();
      value = new Expr.Sign(sign, unary(false));
      tokens.leave();
    } else {
      value = primary();
    }
    value = postfix(value);
    return filtered ? filtered(value) : value;
  }

  private Expr primary() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case NAME -> named(tokens.next().text());
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (tokens.is(Kind.STRING)) {
          text.append(tokens.next().text());
        }
        quoted.add(text.toString());
        yield new Expr.Constant(text.toString());
      }
      case INTEGER -> new Expr.Constant(Literals.integer(tokens.next().text(), token.line()));
      case FLOAT -> new Expr.Constant(Double.parseDouble(tokens.next().text().replace("_", "")));
      default -> {
        if (tokens.skip("(")) {
          Expr inner = tokens.isOperator(")") ? new Expr.Listing(List.of(), true) : tuple(true, "");
          tokens.expect(")");
          yield inner;
        }
        if (tokens.skip("[")) {
          yield new Expr.Listing(items(), false);
        }
        if (tokens.skip("{")) {
          yield dict();
        }
        throw tokens.fail("unexpected '" + token + "'");
      }
    };
  }

  private Expr named(String name) {
    return switch (name) {
      case "true", "True" -> new Expr.Constant(true);
      case "false", "False" -> new Expr.Constant(false);
      case "none", "None" -> new Expr.Constant(None.NONE);
      default -> {
        read.add(name);
        yield new Expr.Name(name);
      }
    };
  }

  private List<Expr> items() {
    List<Expr> items = new ArrayList<>();
    separated("]", () -> items.add(expression()));
    return items;
  }

  private Expr dict() {
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    separated(
        "}",
        () -> {
          keys.add(expression());
          tokens.expect(":");
          values.add(expression());
        });
    return new Expr.Dictionary(keys, values);
  }

  /// Reads items with commas between them, and maybe after them, up to a bracket.
  void separated(String close, Runnable item) {
    boolean first = true;
    while (!tokens.skip(close)) {
      if (!first) {
        tokens.expect(",");
        if (tokens.skip(close)) {
          return;
        }
      }
      first = false;
      item.run();
    }
  }

  private Expr postfix(Expr given) {
    Expr value = given;
    while (true) {
      if (tokens.skip(".")) {
        Token name = tokens.next();
        value =
            switch (name.kind()) {
              case NAME -> new Expr.Attribute(value, name.text());
              case INTEGER ->
                  new Expr.Item(
                      value, new Expr.Constant(Literals.integer(name.text(), name.line())));
              default -> throw tokens.fail("expected name or number");
            };
      } else if (tokens.skip("[")) {
        value = new Expr.Item(value, subscript());
      } else if (tokens.isOperator("(")) {
        value = new Expr.Call(value, arguments(), tokens.line());
      } else {
        return value;
      }
    }
  }

  private Expr subscript() {
    List<Expr> parts = new ArrayList<>();
    boolean comma = false;
    while (!tokens.skip("]")) {
      if (!parts.isEmpty()) {
        tokens.expect(",");
        comma = true;
      }
      parts.add(subscribed());
    }
    return comma || parts.isEmpty() ? new Expr.Listing(parts, true) : parts.getFirst();
  }

  private Expr subscribed() {
    Expr none = new Expr.Constant(None.NONE);
    Expr start = tokens.isOperator(":") ? none : expression();
    if (!tokens.skip(":")) {
      return start;
    }
    Expr stop = endsSlicePart() ? none : expression();
    Expr step = tokens.skip(":") && !endsSlicePart() ? expression() : none;
    return new Expr.Slicing(start, stop, step);
  }

  private boolean endsSlicePart() {
    return tokens.isOperator(":") || tokens.isOperator("]") || tokens.isOperator(",");
  }

  private Expr filtered(Expr given) {
    Expr value = given;
    while (true) {
      if (tokens.isOperator("|")) {
        value = filters(value);
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.isOperator("(")) {
        value = new Expr.Call(value, arguments(), tokens.line());
      } else {
        return value;
      }
    }
  }

  /// The filters that follow, each after a bar.
  Expr filters(Expr given) {
    Expr value = given;
    while (tokens.skip("|")) {
      value = filter(value);
    }
    return value;
  }

  /// One filter by its name and arguments.
  Expr filter(Expr value) {
    int line = tokens.line();
    String name = dotted();
    if (!Filters.ALL.containsKey(name)) {
      unknown.add(TemplateException.syntax(line, Filters.unknown(name)));
    }
    return new Expr.Filter(value, name, argumentsIfAny());
  }

  private Expr test(Expr value) {
    boolean negated = tokens.skipName("not");
    int line = tokens.line();
    String name = dotted();
    if (!Tests.ALL.containsKey(name)) {
      unknown.add(TemplateException.syntax(line, Tests.unknown(name)));
    }
    Arguments arguments = Arguments.NONE;
    if (tokens.isOperator("(")) {
      arguments = arguments();
    } else if (takesArgument()) {
      if (tokens.isName("is")) {
        throw tokens.fail("You cannot chain multiple tests with is");
      }
      arguments = Arguments.of(postfix(primary()));
    }
    Expr tested = new Expr.Test(value, name, arguments);
    return negated ? new Expr.Not(tested) : tested;
  }

  private boolean takesArgument() {
    boolean literal =
        ARGUMENT_OF_TEST.contains(tokens.peek().kind())
            || tokens.isOperator("[")
            || tokens.isOperator("{");
    return literal && !tokens.isName("else") && !tokens.isName("or") && !tokens.isName("and");
  }

  private String dotted() {
    StringBuilder name = new StringBuilder(tokens.expect(Kind.NAME).text());
    while (tokens.skip(".")) {
      name.append('.').append(tokens.expect(Kind.NAME).text());
    }
    return name.toString();
  }

  private Arguments argumentsIfAny() {
    return tokens.isOperator("(") ? arguments() : Arguments.NONE;
  }

  private Arguments arguments() {
    return Arguments.parse(tokens, this);
  }
}
