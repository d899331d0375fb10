package dev.krait.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The arguments of a call as they stand in the source; the lists of spread ones have at most one.
record Arguments(
    List<Expr> positional, Map<String, Expr> named, List<Expr> spread, List<Expr> spreadNames) {
  static final Arguments NONE = new Arguments(List.of(), Map.of(), List.of(), List.of());

  static Arguments of(Expr only) {
    return new Arguments(List.of(only), Map.of(), List.of(), List.of());
  }

  /// Reads what stands in the brackets of a call.
  static Arguments parse(Tokens tokens, ExpressionParser expressions) {
    tokens.expect("(");
    List<Expr> positional = new ArrayList<>();
    Map<String, Expr> named = new LinkedHashMap<>();
    List<Expr> spread = new ArrayList<>();
    List<Expr> spreadNames = new ArrayList<>();
    expressions.separated(
        ")",
        () -> {
          if (spreadNames.isEmpty() && spread.isEmpty() && tokens.skip("*")) {
            spread.add(expressions.expression());
          } else if (spreadNames.isEmpty() && tokens.skip("**")) {
            spreadNames.add(expressions.expression());
          } else if (spreadNames.isEmpty() && tokens.isFollowedBy(Lexer.Kind.OPERATOR, "=")) {
            String name = tokens.expect(Lexer.Kind.NAME).text();
            tokens.next();
            if (named.putIfAbsent(name, expressions.expression()) != null) {
              throw tokens.fail("keyword argument repeated: " + name);
            }
          } else if (named.isEmpty() && spread.isEmpty() && spreadNames.isEmpty()) {
            positional.add(expressions.expression());
          } else {
            throw tokens.fail("invalid syntax for function call expression");
          }
        });
    return new Arguments(positional, named, spread, spreadNames);
  }

  Args evaluate(Scope scope) {
    if (positional.isEmpty() && named.isEmpty() && spread.isEmpty() && spreadNames.isEmpty()) {
      return Args.NONE;
    }
    List<Object> values = new ArrayList<>();
    for (Expr expr : positional) {
      values.add(expr.eval(scope));
    }
    for (Expr expr : spread) {
      values.addAll(Values.list(scope.run(), expr.eval(scope)));
    }
    Map<String, Object> names = new LinkedHashMap<>();
    for (Map.Entry<String, Expr> entry : named.entrySet()) {
      names.put(entry.getKey(), entry.getValue().eval(scope));
    }
    for (Expr expr : spreadNames) {
      if (!(expr.eval(scope) instanceof Dict dict)) {
        throw TemplateException.evaluation("argument after ** must be a mapping");
      }
      scope.run().items(dict.size());
      for (Object item : dict.items()) {
        if (!(item instanceof Tuple(List<Object> pair, _)
            && pair.getFirst() instanceof String name
            && names.putIfAbsent(name, pair.getLast()) == null)) {
          throw TemplateException.evaluation("keywords must be strings, each given once");
        }
      }
    }
    return new Args(values, names);
  }
}
