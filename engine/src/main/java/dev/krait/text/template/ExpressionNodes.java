package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.AstDict;
import com.hubspot.jinjava.el.ext.AstTuple;
import java.util.LinkedHashMap;
import java.util.Map;
import jinjava.de.odysseus.el.tree.Bindings;
import jinjava.de.odysseus.el.tree.impl.ast.AstLiteral;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import jinjava.de.odysseus.el.tree.impl.ast.AstParameters;
import jinjava.javax.el.ELContext;
import org.jspecify.annotations.Nullable;

/// The nodes of an expression that reach into values or call something; they go to the closed lists
/// of this package and never to the resolvers of the library.
final class ExpressionNodes {
  private ExpressionNodes() {}

  @FunctionalInterface
  private interface Evaluation {
    @Nullable Object eval(Bindings bindings, ELContext context);
  }

  private static final class Node extends AstLiteral {
    private final String text;
    private final Evaluation evaluation;

    Node(String text, Evaluation evaluation) {
      this.text = text.length() <= 80 ? text : "..." + text.substring(text.length() - 77);
      this.evaluation = evaluation;
    }

    @Override
    public @Nullable Object eval(Bindings bindings, ELContext context) {
      Budget.current().work(1);
      return evaluation.eval(bindings, context);
    }

    @Override
    public void appendStructure(StringBuilder out, Bindings bindings) {
      out.append(text);
    }

    @Override
    public String toString() {
      return text;
    }
  }

  static AstNode filter(String name, AstNode value, AstParameters args) {
    return new Node(
        value + " | " + name,
        (bindings, context) ->
            Filters.apply(name, value.eval(bindings, context), arguments(args, bindings, context)));
  }

  static AstNode test(String name, boolean negated, AstNode value, AstParameters args) {
    return new Node(
        value + " is " + name,
        (bindings, context) ->
            negated
                != Tests.passes(
                    name,
                    value.eval(bindings, context),
                    arguments(args, bindings, context).positional()));
  }

  static AstNode call(AstNode callee, AstParameters args) {
    return new Node(
        callee + "()",
        (bindings, context) -> {
          Object value = callee.eval(bindings, context);
          if (value instanceof Invocable invocable) {
            return invocable.call(arguments(args, bindings, context));
          }
          throw TemplateException.evaluation(
              callee + " is " + Values.type(value) + " (expected: a function)");
        });
  }

  static AstNode method(AstNode base, String name, AstParameters args) {
    return new Node(
        base + "." + name + "()",
        (bindings, context) -> {
          Object value = defined(base, name, bindings, context);
          return Methods.call(value, name, arguments(args, bindings, context));
        });
  }

  static AstNode attribute(AstNode base, String name) {
    return new Node(
        base + "." + name,
        (bindings, context) -> Values.attribute(defined(base, name, bindings, context), name));
  }

  static AstNode element(AstNode base, AstNode key) {
    return new Node(
        base + "[" + key + "]",
        (bindings, context) -> {
          Object value = defined(base, key, bindings, context);
          Object at = key.eval(bindings, context);
          return at == null || at == None.NONE ? null : Values.element(value, Values.key(at));
        });
  }

  /// A slice; bounds that are not given are null.
  static AstNode slice(AstNode base, @Nullable AstNode[] bounds) {
    return new Node(
        base + "[:]",
        (bindings, context) -> {
          Object value = base.eval(bindings, context);
          @Nullable Object[] values = new Object[3];
          for (int i = 0; i < 3; i++) {
            AstNode bound = bounds[i];
            values[i] = bound == null ? None.NONE : bound.eval(bindings, context);
          }
          return Values.slice(value, values[0], values[1], values[2]);
        });
  }

  static AstTuple tuple(AstParameters items) {
    return new AstTuple(items) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        return new Tuple(Args.list(items.eval(bindings, context)));
      }
    };
  }

  static AstDict dict(Map<AstNode, AstNode> entries) {
    return new AstDict(entries) {
      @Override
      public Object eval(Bindings bindings, ELContext context) {
        Map<Object, @Nullable Object> map = new LinkedHashMap<>();
        entries.forEach((key, value) ->
            map.put(Values.key(key.eval(bindings, context)), value.eval(bindings, context)));
        return map;
      }
    };
  }

  private static Args arguments(AstParameters args, Bindings bindings, ELContext context) {
    return Args.of(args.eval(bindings, context));
  }

  private static Object defined(AstNode base, Object name, Bindings bindings, ELContext context) {
    Object value = base.eval(bindings, context);
    if (value == null) {
      throw TemplateException.evaluation(base + " is undefined: it has no " + name);
    }
    return value;
  }
}
