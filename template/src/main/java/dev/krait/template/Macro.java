package dev.krait.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A macro, or the body of a call block, with the scope where it is defined.
record Macro(Definition definition, Scope scope) implements Invocable, Attributed {
  /// @param defaults of the last parameters
  /// @param read the names that the body reads: whether it takes `caller`, `varargs`, `kwargs`
  record Definition(
      String name, List<String> parameters, List<Expr> defaults, Stmt body, Set<String> read) {}

  @Override
  public Object call(Run run, Args args) {
    run.enter();
    Scope inner = new Scope(scope);
    bind(inner, args);
    StringBuilder out = new StringBuilder();
    int line = run.line();
    definition.body().exec(inner, out);
    run.line(line);
    run.leave();
    return out.toString();
  }

  private void bind(Scope inner, Args args) {
    List<String> parameters = definition.parameters();
    List<Object> given = args.positional();
    Map<String, Object> named = new LinkedHashMap<>(args.named());
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i);
      Object value = i < given.size() ? given.get(i) : named.remove(name);
      inner.set(name, value == null ? otherwise(i, inner) : value);
    }
    Set<String> read = definition.read();
    if (read.contains("caller") && !parameters.contains("caller")) {
      Object caller = named.remove("caller");
      inner.set("caller", caller == null ? Undefined.because("No caller defined") : caller);
    }
    if (read.contains("kwargs")) {
      inner.set("kwargs", Dict.of(named));
    } else if (!named.isEmpty()) {
      throw wrong("takes no keyword argument '" + named.keySet().iterator().next() + "'");
    }
    int more = Math.min(parameters.size(), given.size());
    if (read.contains("varargs")) {
      inner.set("varargs", new Tuple(new ArrayList<>(given.subList(more, given.size()))));
    } else if (given.size() > more) {
      throw wrong("takes not more than " + parameters.size() + " argument(s)");
    }
  }

  private Object otherwise(int index, Scope inner) {
    int first = definition.parameters().size() - definition.defaults().size();
    return index < first
        ? Undefined.because(
            "parameter '" + definition.parameters().get(index) + "' was not provided")
        : definition.defaults().get(index - first).eval(inner);
  }

  private TemplateException wrong(String what) {
    return TemplateException.evaluation("macro '" + definition.name() + "' " + what);
  }

  @Override
  public @Nullable Object attribute(Run run, String name) {
    return switch (name) {
      case "name" -> definition.name().isEmpty() ? None.NONE : definition.name();
      case "arguments" -> new Tuple(List.copyOf(definition.parameters()));
      case "caller" -> definition.read().contains("caller");
      case "catch_kwargs" -> definition.read().contains("kwargs");
      case "catch_varargs" -> definition.read().contains("varargs");
      default -> null;
    };
  }
}
