package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.AstDict;
import com.hubspot.jinjava.el.ext.AstNamedParameter;
import com.hubspot.jinjava.el.ext.AstTuple;
import com.hubspot.jinjava.el.ext.ExtendedParser;
import com.hubspot.jinjava.el.ext.NamedParameterOperator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jinjava.de.odysseus.el.tree.Bindings;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Scanner;
import jinjava.de.odysseus.el.tree.impl.Scanner.ScanException;
import jinjava.de.odysseus.el.tree.impl.Scanner.Symbol;
import jinjava.de.odysseus.el.tree.impl.ast.AstBinary;
import jinjava.de.odysseus.el.tree.impl.ast.AstIdentifier;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import jinjava.de.odysseus.el.tree.impl.ast.AstNull;
import jinjava.de.odysseus.el.tree.impl.ast.AstParameters;
import jinjava.de.odysseus.el.tree.impl.ast.AstString;
import jinjava.de.odysseus.el.tree.impl.ast.AstUnary;
import jinjava.javax.el.ELContext;

/// Jinjava's expression parser with the grammar of Jinja2: its levels of precedence, comparisons in
/// chains, filters and tests behind signs, slices with steps. What the nodes do is
/// [ExpressionNodes].
@SuppressWarnings("NullAway") // the library returns and takes null for "no expression here"
final class ExpressionParser extends ExtendedParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=", "in");

  /// Binary operators from the loosest to the tightest; `not` and comparisons bind below [#AND].
  private static final List<Set<String>> LEVELS =
      List.of(
          Set.of("or"),
          Set.of("and"),
          Set.of("+", "-"),
          Set.of("~"),
          Set.of("*", "/", "//", "%"),
          Set.of("**"));

  private static final int AND = 1;

  ExpressionParser(Builder builder, String expression) {
    super(builder, ExpressionText.checked(expression));
  }

  @Override
  protected Scanner createScanner(String expression) {
    return new ExpressionScanner(expression);
  }

  /// Operators of one level, from left to right.
  private AstNode operators(int level, boolean required) throws ScanException, ParseException {
    AstNode left = operand(level, required);
    while (left != null && isSign(LEVELS.get(level))) {
      AstBinary.Operator operator = Operators.of(consumeToken().getImage());
      left = new AstBinary(left, operand(level, true), operator);
    }
    return left;
  }

  private AstNode operand(int level, boolean required) throws ScanException, ParseException {
    return level == AND
        ? negation(required)
        : level + 1 < LEVELS.size() ? operators(level + 1, required) : filtered(required);
  }

  private boolean isSign(Set<String> signs) {
    Symbol symbol = getToken().getSymbol();
    return symbol != Symbol.STRING
        && symbol != Symbol.IDENTIFIER
        && signs.contains(getToken().getImage());
  }

  private boolean isWord(String word) {
    return getToken().getSymbol() != Symbol.STRING && word.equals(getToken().getImage());
  }

  @Override
  protected AstNode expr(boolean required) throws ScanException, ParseException {
    AstNode value = operators(0, required);
    while (value != null && isWord("if")) {
      consumeToken();
      AstNode condition = operators(0, true);
      AstNode otherwise = new AstNull();
      if (isWord("else")) {
        consumeToken();
        otherwise = expr(true);
      }
      value = createAstChoice(condition, value, otherwise);
    }
    return value;
  }

  private AstNode negation(boolean required) throws ScanException, ParseException {
    if (getToken().getSymbol() == Symbol.NOT) {
      consumeToken();
      return createAstUnary(negation(true), AstUnary.NOT);
    }
    return comparisons(required);
  }

  /// Comparisons; `a < b < c` holds where both do.
  private AstNode comparisons(boolean required) throws ScanException, ParseException {
    AstNode left = operators(AND + 1, required);
    AstNode chain = null;
    while (left != null) {
      boolean negated = getToken().getSymbol() == Symbol.NOT && isIn(lookahead(0));
      if (!negated && !isSign(COMPARISONS)) {
        return chain == null ? left : chain;
      }
      String sign = consumeToken().getImage();
      if (negated) {
        sign += " " + consumeToken().getImage();
      }
      AstNode right = operators(AND + 1, true);
      AstNode link = new AstBinary(left, right, Operators.of(sign));
      chain = chain == null ? link : new AstBinary(chain, link, Operators.of("and"));
      left = right;
    }
    return null;
  }

  private static boolean isIn(Scanner.Token token) {
    return token.getSymbol() == Symbol.EXTENSION && token.getImage().equals("in");
  }

  /// Filters and tests apply to what stands before them with its sign.
  private AstNode filtered(boolean required) throws ScanException, ParseException {
    AstNode value = signed(required);
    while (value != null) {
      if (isSign(Set.of("|"))) {
        consumeToken();
        value = filter(value);
      } else if (isWord("is")) {
        consumeToken();
        value = test(value);
      } else {
        break;
      }
    }
    return value;
  }

  private AstNode signed(boolean required) throws ScanException, ParseException {
    if (isSign(Set.of("-", "+"))) {
      boolean minus = consumeToken().getImage().equals("-");
      return new AstUnary(signed(true), minus ? Operators.MINUS : Operators.PLUS);
    }
    AstNode value = value();
    if (value == null && required) {
      fail("an expression");
    }
    return value;
  }

  private AstNode filter(AstNode value) throws ScanException, ParseException {
    String name = consumeToken(Symbol.IDENTIFIER).getImage();
    if (!Filters.has(name)) {
      throw TemplateException.syntax("filter " + name + " is not known here");
    }
    List<AstNode> args = getToken().getSymbol() == Symbol.LPAREN ? arguments() : new ArrayList<>();
    return ExpressionNodes.filter(name, value, createAstParameters(args));
  }

  private AstNode test(AstNode value) throws ScanException, ParseException {
    boolean negated = getToken().getSymbol() == Symbol.NOT;
    if (negated) {
      consumeToken();
    }
    String name = consumeToken().getImage();
    if (!Tests.has(name)) {
      throw TemplateException.syntax("test " + name + " is not known here");
    }
    List<AstNode> args = new ArrayList<>();
    if (getToken().getSymbol() == Symbol.LPAREN) {
      args = arguments();
    } else if (isWord("is")) {
      throw TemplateException.syntax("a test of a test needs parentheses");
    } else {
      AstNode argument = value();
      if (argument != null) {
        args.add(argument);
      }
    }
    return ExpressionNodes.test(name, negated, value, createAstParameters(args));
  }

  @Override
  protected AstNode value() throws ScanException, ParseException {
    AstNode value = nonliteral();
    if (value == null) {
      value = literal();
    }
    while (value != null) {
      switch (getToken().getSymbol()) {
        case DOT -> {
          consumeToken();
          value = member(value, consumeToken(Symbol.IDENTIFIER).getImage());
        }
        case LBRACK -> {
          consumeToken();
          value = subscript(value);
        }
        case LPAREN -> value = ExpressionNodes.call(value, createAstParameters(arguments()));
        default -> {
          return value;
        }
      }
    }
    return null;
  }

  private AstNode member(AstNode base, String name) throws ScanException, ParseException {
    return getToken().getSymbol() == Symbol.LPAREN
        ? ExpressionNodes.method(base, name, createAstParameters(arguments()))
        : ExpressionNodes.attribute(base, name);
  }

  private AstNode subscript(AstNode base) throws ScanException, ParseException {
    AstNode[] bounds = new AstNode[3];
    int colons = 0;
    bounds[0] = expr(false);
    while (isWord(":") && colons < 2) {
      consumeToken();
      bounds[++colons] = expr(false);
    }
    consumeToken(Symbol.RBRACK);
    if (colons == 0 && bounds[0] == null) {
      fail("an index");
    }
    return colons == 0
        ? ExpressionNodes.element(base, bounds[0])
        : ExpressionNodes.slice(base, bounds);
  }

  @Override
  protected AstNode nonliteral() throws ScanException, ParseException {
    if (getToken().getSymbol() == Symbol.IDENTIFIER) {
      return identifier(consumeToken().getImage());
    }
    if (getToken().getSymbol() != Symbol.LPAREN) {
      return null;
    }
    consumeToken();
    List<AstNode> items = new ArrayList<>();
    boolean comma = readItems(items, Symbol.RPAREN, false);
    return items.size() == 1 && !comma
        ? createAstNested(items.getFirst())
        : createAstTuple(createAstParameters(items));
  }

  @Override
  protected AstNode literal() throws ScanException, ParseException {
    if (getToken().getSymbol() != Symbol.STRING) {
      return super.literal();
    }
    StringBuilder text = new StringBuilder();
    while (getToken().getSymbol() == Symbol.STRING) {
      text.append(consumeToken().getImage());
    }
    return new AstString(text.toString());
  }

  /// The items of a list.
  @Override
  protected AstParameters params(Symbol left, Symbol right) throws ScanException, ParseException {
    consumeToken(left);
    List<AstNode> items = new ArrayList<>();
    readItems(items, right, false);
    return createAstParameters(items);
  }

  private List<AstNode> arguments() throws ScanException, ParseException {
    consumeToken(Symbol.LPAREN);
    List<AstNode> items = new ArrayList<>();
    readItems(items, Symbol.RPAREN, true);
    return items;
  }

  /// Reads up to a bracket and says whether a comma stood before it.
  private boolean readItems(List<AstNode> items, Symbol close, boolean names)
      throws ScanException, ParseException {
    boolean comma = false;
    for (AstNode item = item(names); item != null; item = item(names)) {
      items.add(item);
      comma = getToken().getSymbol() == Symbol.COMMA;
      if (!comma) {
        break;
      }
      consumeToken();
    }
    consumeToken(close);
    return comma;
  }

  private AstNode item(boolean named) throws ScanException, ParseException {
    if (named
        && getToken().getSymbol() == Symbol.IDENTIFIER
        && lookahead(0).equals(NamedParameterOperator.TOKEN)) {
      String name = consumeToken().getImage();
      consumeToken();
      return new AstNamedParameter(createAstIdentifier(name, 0), expr(true));
    }
    return expr(false);
  }

  @Override
  protected AstIdentifier createAstIdentifier(String name, int index) {
    return new AstIdentifier(name, index) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        return PromptInterpreter.defined(super.eval(bindings, context));
      }
    };
  }

  @Override
  protected AstTuple createAstTuple(AstParameters parameters) {
    return ExpressionNodes.tuple(parameters);
  }

  @Override
  protected AstDict createAstDict(Map<AstNode, AstNode> entries) {
    return ExpressionNodes.dict(entries);
  }
}
