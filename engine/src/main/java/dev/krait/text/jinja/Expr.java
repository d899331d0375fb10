package dev.krait.text.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/// An expression as parsed; immutable.
sealed interface Expr {
  record Literal(Object value) implements Expr {}

  record Name(String name) implements Expr {}

  record Attribute(Expr target, String name) implements Expr {}

  record Item(Expr target, Expr key) implements Expr {}

  record Slice(Expr target, Optional<Expr> from, Optional<Expr> to, Optional<Expr> step)
      implements Expr {}

  record Call(Expr target, Arguments arguments) implements Expr {}

  record Filter(Expr input, String name, Arguments arguments) implements Expr {}

  record Test(Expr input, String name, Arguments arguments, boolean negated) implements Expr {}

  record Sign(boolean negative, Expr operand) implements Expr {}

  record Binary(String operator, Expr left, Expr right) implements Expr {}

  record Concat(List<Expr> parts) implements Expr {}

  record And(Expr left, Expr right) implements Expr {}

  record Or(Expr left, Expr right) implements Expr {}

  record Not(Expr operand) implements Expr {}

  record Compare(Expr first, List<Comparison> rest) implements Expr {}

  record Conditional(Expr condition, Expr then, Optional<Expr> otherwise) implements Expr {}

  record ListOf(List<Expr> items) implements Expr {}

  record TupleOf(List<Expr> items) implements Expr {}

  record DictOf(List<Entry> entries) implements Expr {}

  record Comparison(String operator, Expr right) {}

  record Entry(Expr key, Expr value) {}

  record Arguments(List<Expr> positional, Map<String, Expr> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());
  }
}
