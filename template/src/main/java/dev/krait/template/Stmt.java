package dev.krait.template;

import dev.krait.template.Scope.Target;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A node of a template: it writes text.
interface Stmt {
  /// How a statement ends.
  enum Flow {
    NEXT,
    CONTINUE,
    BREAK
  }

  Flow exec(Scope scope, StringBuilder out);

  /// Text written without more ado.
  private static void write(Run run, String text, StringBuilder out) {
    run.text(text.length());
    run.outputs((long) out.length() + text.length());
    out.append(text);
  }

  record Body(List<Stmt> statements) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.run().enter();
      for (Stmt statement : statements) {
        Flow flow = statement.exec(scope, out);
        if (flow != Flow.NEXT) {
          scope.run().leave();
          return flow;
        }
      }
      scope.run().leave();
      return Flow.NEXT;
    }
  }

  record Data(String text) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      write(scope.run(), text, out);
      return Flow.NEXT;
    }
  }

  record Print(Expr value, int line) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.run().line(line);
      write(scope.run(), Text.str(scope.run(), value.eval(scope)), out);
      return Flow.NEXT;
    }
  }

  record Jump(Flow flow) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      return flow;
    }
  }

  record Branch(Expr test, Stmt body, int line) {}

  record If(List<Branch> branches, Stmt otherwise) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      for (Branch branch : branches) {
        scope.run().line(branch.line());
        if (Values.truth(branch.test().eval(scope))) {
          return branch.body().exec(scope, out);
        }
      }
      return otherwise.exec(scope, out);
    }
  }

  record For(Head head, Stmt body, Stmt otherwise) implements Stmt {
    /// What stands in the tag.
    record Head(Target target, Expr items, @Nullable Expr test, boolean recursive, int line) {}

    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.run().line(head.line());
      loop(scope, head.items().eval(scope), 0, out);
      return Flow.NEXT;
    }

    private void loop(Scope scope, Object items, int depth, StringBuilder out) {
      Run run = scope.run();
      run.enter();
      Iterator<Object> source = Values.iterate(run, items);
      Expr test = head.test();
      if (test != null) {
        source =
            new Generator(
                source,
                item -> {
                  run.step(1);
                  Scope inner = new Scope(scope);
                  inner.assign(head.target(), item);
                  return Values.truth(test.eval(inner)) ? item : null;
                });
      }
      Loop loop = new Loop(source, depth, recursion(scope, depth));
      boolean none = true;
      while (loop.advance()) {
        run.step(1);
        run.line(head.line());
        Scope inner = new Scope(scope);
        inner.set("loop", loop);
        inner.assign(head.target(), loop.current());
        Flow flow = body.exec(inner, out);
        if (flow == Flow.BREAK) {
          break;
        }
        none &= flow == Flow.CONTINUE; // as in jinja2, only a whole turn counts
      }
      if (none) {
        otherwise.exec(new Scope(scope), out);
      }
      run.leave();
    }

    private @Nullable Invocable recursion(Scope scope, int depth) {
      if (!head.recursive()) {
        return null;
      }
      Signature signature = Signature.of("loop", "iterable");
      return (run, args) -> {
        StringBuilder inner = new StringBuilder();
        int line = run.line();
        loop(scope, signature.bind(args).get(0), depth + 1, inner);
        run.line(line);
        return inner.toString();
      };
    }
  }

  record Set(Target target, Expr value, int line) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.run().line(line);
      scope.assign(target, value.eval(scope));
      return Flow.NEXT;
    }
  }

  /// A body whose text goes through filters and then to a target, or is written without one. The
  /// filters start with [Captured].
  record Capture(@Nullable Target target, Expr filters, Stmt body, int line) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      StringBuilder text = new StringBuilder();
      Flow flow = body.exec(new Scope(scope), text);
      if (flow != Flow.NEXT) {
        return flow;
      }
      scope.run().line(line);
      Scope inner = new Scope(scope);
      inner.set(Captured.NAME, text.toString());
      Object value = filters.eval(inner);
      if (target == null) {
        write(scope.run(), Text.str(scope.run(), value), out);
      } else {
        scope.assign(target, value);
      }
      return Flow.NEXT;
    }
  }

  /// The text of a body, for filters to start with.
  record Captured() implements Expr {
    static final String NAME = "{captured}"; // no name of a template

    @Override
    public Object compute(Scope scope) {
      return scope.get(NAME);
    }
  }

  record With(List<Target> targets, List<Expr> values, Stmt body) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      Scope inner = new Scope(scope);
      for (int i = 0; i < targets.size(); i++) {
        inner.assign(targets.get(i), values.get(i).eval(scope));
      }
      return body.exec(inner, out);
    }
  }

  /// A body with a scope of its own: within the outermost one for a block, as it is for others.
  record Inner(boolean outermost, Stmt body) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      return body.exec(new Scope(outermost ? scope.root() : scope), out);
    }
  }

  record Define(Macro.Definition definition) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.set(definition.name(), new Macro(definition, scope));
      return Flow.NEXT;
    }
  }

  record CallBlock(Expr.Call call, Macro.Definition caller, int line) implements Stmt {
    @Override
    public Flow exec(Scope scope, StringBuilder out) {
      scope.run().line(line);
      Args args = call.arguments().evaluate(scope);
      java.util.Map<String, Object> named = new java.util.LinkedHashMap<>(args.named());
      named.put("caller", new Macro(caller, scope));
      Object value = call.call(scope, new Args(args.positional(), named));
      write(scope.run(), Text.str(scope.run(), value), out);
      return Flow.NEXT;
    }
  }
}
