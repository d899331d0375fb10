package dev.krait.template;

import java.util.ArrayList;
import java.util.List;

/// A node of an expression.
interface Expr {
  Object compute(Scope scope);

  default Object eval(Scope scope) {
    Run run = scope.run();
    run.enter();
    Object value = compute(scope);
    run.leave();
    return value;
  }

  private static List<Object> all(List<Expr> exprs, Scope scope) {
    scope.run().items(exprs.size());
    List<Object> values = new ArrayList<>(exprs.size());
    for (Expr expr : exprs) {
      values.add(expr.eval(scope));
    }
    return values;
  }

  record Constant(Object value) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return value;
    }
  }

  record Name(String name) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return scope.get(name);
    }
  }

  record Listing(List<Expr> items, boolean tuple) implements Expr {
    @Override
    public Object compute(Scope scope) {
      List<Object> values = all(items, scope);
      return tuple ? new Tuple(values) : values;
    }
  }

  record Dictionary(List<Expr> keys, List<Expr> values) implements Expr {
    @Override
    public Object compute(Scope scope) {
      scope.run().items(2L * keys.size());
      Dict dict = new Dict();
      for (int i = 0; i < keys.size(); i++) {
        dict.put(keys.get(i).eval(scope), values.get(i).eval(scope));
      }
      return dict;
    }
  }

  record Attribute(Expr base, String name) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Lookup.attribute(scope.run(), base.eval(scope), name);
    }
  }

  record Item(Expr base, Expr key) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Lookup.item(scope.run(), base.eval(scope), key.eval(scope));
    }
  }

  record Slicing(Expr start, Expr stop, Expr step) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return new Slice(start.eval(scope), stop.eval(scope), step.eval(scope));
    }
  }

  record Call(Expr callee, Arguments arguments, int line) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return call(scope, arguments.evaluate(scope));
    }

    Object call(Scope scope, Args args) {
      return switch (callee.eval(scope)) {
        case Invocable function -> function.call(scope.run(), args);
        case Undefined undefined -> throw undefined.failure();
        case Object other ->
            throw TemplateException.evaluation(
                "'" + Values.type(other) + "' object is not callable");
      };
    }
  }

  record Filter(Expr value, String name, Arguments arguments) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Filters.apply(scope.run(), name, value.eval(scope), arguments.evaluate(scope));
    }
  }

  record Test(Expr value, String name, Arguments arguments) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Tests.apply(scope.run(), name, value.eval(scope), arguments.evaluate(scope));
    }
  }

  record Not(Expr value) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return !Values.truth(value.eval(scope));
    }
  }

  /// `or` and `and`, whose value is the operand that decides.
  record Either(boolean or, Expr left, Expr right) implements Expr {
    @Override
    public Object compute(Scope scope) {
      Object value = left.eval(scope);
      return Values.truth(value) == or ? value : right.eval(scope);
    }
  }

  record Conditional(Expr test, Expr value, Expr otherwise) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return (Values.truth(test.eval(scope)) ? value : otherwise).eval(scope);
    }
  }

  record Binary(String operator, Expr left, Expr right) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Operators.binary(scope.run(), operator, left.eval(scope), right.eval(scope));
    }
  }

  record Sign(String sign, Expr value) implements Expr {
    @Override
    public Object compute(Scope scope) {
      return Operators.sign(sign, value.eval(scope));
    }
  }

  record Compare(Expr first, List<String> operators, List<Expr> operands) implements Expr {
    @Override
    public Object compute(Scope scope) {
      Object left = first.eval(scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = operands.get(i).eval(scope);
        if (!Comparison.holds(scope.run(), operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }
  }

  record Concat(List<Expr> parts) implements Expr {
    @Override
    public Object compute(Scope scope) {
      StringBuilder out = new StringBuilder();
      for (Expr part : parts) {
        String text = Text.str(scope.run(), part.eval(scope));
        scope.run().text((long) out.length() + text.length());
        out.append(text);
      }
      return out.toString();
    }
  }
}
