package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.AstDict;
import com.hubspot.jinjava.el.ext.AstNamedParameter;
import com.hubspot.jinjava.el.ext.AstRangeBracket;
import com.hubspot.jinjava.el.ext.AstTuple;
import com.hubspot.jinjava.el.ext.CollectionMembershipOperator;
import com.hubspot.jinjava.el.ext.CollectionNonMembershipOperator;
import com.hubspot.jinjava.el.ext.ExtendedParser;
import com.hubspot.jinjava.el.ext.NamedParameterOperator;
import com.hubspot.jinjava.el.ext.PowerOfOperator;
import com.hubspot.jinjava.el.ext.StringConcatOperator;
import com.hubspot.jinjava.el.ext.TruncDivOperator;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jinjava.de.odysseus.el.tree.Bindings;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Scanner.ExtensionToken;
import jinjava.de.odysseus.el.tree.impl.Scanner.ScanException;
import jinjava.de.odysseus.el.tree.impl.Scanner.Symbol;
import jinjava.de.odysseus.el.tree.impl.ast.AstBinary;
import jinjava.de.odysseus.el.tree.impl.ast.AstBracket;
import jinjava.de.odysseus.el.tree.impl.ast.AstDot;
import jinjava.de.odysseus.el.tree.impl.ast.AstIdentifier;
import jinjava.de.odysseus.el.tree.impl.ast.AstLiteral;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import jinjava.de.odysseus.el.tree.impl.ast.AstParameters;
import jinjava.de.odysseus.el.tree.impl.ast.AstUnary;
import jinjava.javax.el.ELContext;
import org.jspecify.annotations.Nullable;

/// Jinjava's expression parser with Python's grammar where the two differ: `not` binds below
/// comparisons, `name=` takes a whole expression, brackets are read without looking ahead, and
/// filters, tests and functions are those of this package.
@SuppressWarnings("NullAway") // the library returns and takes null for "no expression here"
final class ExpressionParser extends ExtendedParser {
  private AstNode filtered;

  ExpressionParser(Builder builder, String expression) {
    super(builder, ExpressionText.prepare(expression));
    operator(StringConcatOperator.TOKEN, ExtensionPoint.ADD, Operators.CONCAT);
    operator(TruncDivOperator.TOKEN, ExtensionPoint.MUL, Operators.FLOOR);
    operator(PowerOfOperator.TOKEN, ExtensionPoint.MUL, Operators.POWER);
    operator(CollectionMembershipOperator.TOKEN, ExtensionPoint.CMP, Operators.IN);
    operator(CollectionNonMembershipOperator.TOKEN, ExtensionPoint.CMP, Operators.NOT_IN);
  }

  private void operator(ExtensionToken token, ExtensionPoint level, AstBinary.Operator operator) {
    putExtensionHandler(
        token,
        new ExtensionHandler(level) {
          @Override
          public AstNode createAstNode(AstNode... sides) {
            return new AstBinary(sides[0], sides[1], operator);
          }
        });
  }

  @Override
  protected AstNode expr(boolean required) throws ScanException, ParseException {
    if (getToken().getSymbol() == Symbol.IDENTIFIER
        && lookahead(0).equals(NamedParameterOperator.TOKEN)) {
      AstIdentifier name = identifier(consumeToken().getImage());
      consumeToken();
      return new AstNamedParameter(name, expr(true));
    }
    return super.expr(required);
  }

  @Override
  protected AstNode and(boolean required) throws ScanException, ParseException {
    AstNode left = negation(required);
    while (left != null && getToken().getSymbol() == Symbol.AND) {
      consumeToken();
      left = createAstBinary(left, negation(true), AstBinary.AND);
    }
    return left;
  }

  private AstNode negation(boolean required) throws ScanException, ParseException {
    if (getToken().getSymbol() == Symbol.NOT) {
      consumeToken();
      return createAstUnary(negation(true), AstUnary.NOT);
    }
    return eq(required);
  }

  @Override
  protected AstNode nonliteral() throws ScanException, ParseException {
    if (getToken().getSymbol() == Symbol.IDENTIFIER
        && lookahead(0).getSymbol() == Symbol.LPAREN
        && Methods.isFunction(getToken().getImage())) {
      return new Call(consumeToken().getImage(), params());
    }
    if (getToken().getSymbol() != Symbol.LPAREN) {
      return super.nonliteral();
    }
    consumeToken();
    List<AstNode> items = new ArrayList<>();
    boolean comma = readItems(items, Symbol.RPAREN);
    return items.size() == 1 && !comma
        ? createAstNested(items.getFirst())
        : createAstTuple(createAstParameters(items));
  }

  @Override
  protected AstParameters params(Symbol left, Symbol right) throws ScanException, ParseException {
    consumeToken(left);
    List<AstNode> items = new ArrayList<>();
    readItems(items, right);
    return createAstParameters(items);
  }

  /// Reads up to a bracket and says whether a comma stood before it.
  private boolean readItems(List<AstNode> items, Symbol close)
      throws ScanException, ParseException {
    boolean comma = false;
    for (AstNode item = expr(false); item != null; item = expr(false)) {
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

  @Override
  protected AstNode parseFiltersAsNestedMethods(AstNode value)
      throws ScanException, ParseException {
    filtered = super.parseFiltersAsNestedMethods(value);
    return filtered;
  }

  @Override
  protected AstUnary createAstUnary(AstNode value, AstUnary.Operator operator) {
    if (operator.equals(AstUnary.NEG) && value.equals(filtered)) {
      throw TemplateException.syntax("a sign in front of a filter needs parentheses: " + value);
    }
    return super.createAstUnary(value, operator);
  }

  @Override
  protected AstBinary createAstBinary(AstNode left, AstNode right, AstBinary.Operator operator) {
    return super.createAstBinary(left, right, Operators.python(operator));
  }

  @Override
  protected AstIdentifier createAstIdentifier(String name, int index) {
    boolean known =
        name.startsWith(FILTER_PREFIX)
            ? Filters.has(name.substring(FILTER_PREFIX.length()))
            : !name.startsWith(EXPTEST_PREFIX)
                || Tests.has(name.substring(EXPTEST_PREFIX.length()));
    if (!known) {
      throw TemplateException.syntax(name.replace(":", " ") + " is not known here");
    }
    return super.createAstIdentifier(name, index);
  }

  @Override
  protected AstDot createAstDot(AstNode base, String name, boolean lvalue) {
    return new AstDot(base, name, lvalue, true) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        return attribute(base, base.eval(bindings, context), name, context);
      }
    };
  }

  @Override
  protected AstBracket createAstBracket(
      AstNode base, AstNode property, boolean lvalue, boolean strict) {
    return new AstBracket(base, property, lvalue, strict, true) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        Object value = base.eval(bindings, context);
        return attribute(base, value, scalar(property.eval(bindings, context)), context);
      }

      @Override
      protected Object getProperty(Bindings bindings, ELContext context) {
        return scalar(super.getProperty(bindings, context));
      }
    };
  }

  private static Object attribute(AstNode base, Object value, Object name, ELContext context) {
    if (value == null) {
      throw TemplateException.evaluation(base + " is undefined: it has no " + name);
    }
    return context.getELResolver().getValue(context, value, name);
  }

  @Override
  protected AstTuple createAstTuple(AstParameters parameters) throws ScanException, ParseException {
    return new AstTuple(parameters) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        return new Tuple(Methods.list(parameters.eval(bindings, context)));
      }
    };
  }

  @Override
  protected AstRangeBracket createAstRangeBracket(
      AstNode base, AstNode start, AstNode end, boolean lvalue, boolean strict) {
    return new AstRangeBracket(base, start, end, lvalue, strict, true) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        return Values.slice(
            base.eval(bindings, context),
            start == null ? null : start.eval(bindings, context),
            end == null ? null : end.eval(bindings, context));
      }
    };
  }

  @Override
  protected AstDict createAstDict(Map<AstNode, AstNode> entries) {
    return new AstDict(entries) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        entries.forEach((key, value) ->
            map.put(
                String.valueOf(scalar(key.eval(bindings, context))),
                value.eval(bindings, context)));
        return map;
      }
    };
  }

  /// A key; anything else could take forever to become a text.
  private static Object scalar(Object key) {
    if (key instanceof String || key instanceof Number || key instanceof Boolean) {
      return key;
    }
    throw TemplateException.evaluation("a key is " + Values.type(key) + " (expected: str or int)");
  }

  /// A call of one of our functions.
  private static final class Call extends AstLiteral {
    private final String name;
    private final AstParameters params;

    Call(String name, AstParameters params) {
      this.name = name;
      this.params = params;
    }

    @Override
    public Object eval(Bindings bindings, ELContext context) {
      return Methods.function(name, Methods.list(params.eval(bindings, context)));
    }

    @Override
    public void appendStructure(StringBuilder out, Bindings bindings) {
      out.append(name);
      params.appendStructure(out, bindings);
    }
  }
}
