package dev.krait.text.jinja;

import java.util.List;
import java.util.Optional;

/// A part of a compiled template; immutable.
sealed interface Statement {
  /// The line of the template it starts in, for messages.
  int line();

  record Text(int line, String text) implements Statement {}

  record Print(int line, Expr value) implements Statement {}

  record If(int line, List<Branch> branches, List<Statement> otherwise) implements Statement {}

  record Branch(Expr condition, List<Statement> body) {}

  record For(
      int line,
      List<String> targets,
      Expr items,
      Optional<Expr> condition,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {}

  record Set(int line, List<Target> targets, Expr value) implements Statement {}

  record SetBlock(int line, Target target, List<FilterCall> filters, List<Statement> body)
      implements Statement {}

  /// A name, or an attribute of a namespace.
  record Target(String name, Optional<String> attribute) {}

  record FilterCall(String name, Expr.Arguments arguments) {}

  record FilterBlock(int line, List<FilterCall> filters, List<Statement> body)
      implements Statement {}

  record Macro(int line, String name, List<Parameter> parameters, List<Statement> body)
      implements Statement {}

  record Parameter(String name, Optional<Expr> fallback) {}

  record CallBlock(int line, List<Parameter> parameters, Expr.Call call, List<Statement> body)
      implements Statement {}

  /// A `with` block: variables of its own.
  record Scoped(int line, List<Set> variables, List<Statement> body) implements Statement {}

  record Break(int line) implements Statement {}

  record Continue(int line) implements Statement {}
}
