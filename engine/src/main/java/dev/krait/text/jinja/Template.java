package dev.krait.text.jinja;

import java.time.Clock;
import java.util.List;
import java.util.Map;

/// A compiled chat template. Immutable; any thread may render it.
public final class Template {
  private final List<Statement> statements;
  private final Limits limits;
  private final Clock clock;

  private Template(List<Statement> statements, Limits limits, Clock clock) {
    this.statements = statements;
    this.limits = limits;
    this.clock = clock;
  }

  /// Compiles a template.
  ///
  /// @param clock what `strftime_now` reads
  /// @throws TemplateException for bad syntax, unknown tags, filters and tests, and for sources
  ///   beyond the limits
  public static Template compile(String source, Limits limits, Clock clock) {
    if (source.length() > limits.templateChars()) {
      throw TemplateException.limit("length", source.length(), limits.templateChars());
    }
    List<Statement> statements =
        new StatementCompiler(limits).compile(SourceReader.read(source).getChildren());
    return new Template(statements, limits, clock);
  }

  /// Renders the template with these variables.
  ///
  /// @param variables JSON values: maps, lists, texts, numbers, booleans and null
  /// @throws TemplateException when the template refuses the values, fails on them or runs into a
  ///   limit
  public String render(Map<String, ?> variables) {
    Budget budget = new Budget(limits);
    Scope globals = new Scope(null);
    Functions.define(globals, clock, budget);
    Scope scope = new Scope(globals);
    variables.forEach((name, value) -> scope.set(name, Values.fromJson(value, budget)));
    Renderer renderer = new Renderer(budget);
    try {
      return renderer.render(statements, scope);
    } catch (TemplateException e) {
      throw e.reason() == TemplateException.Reason.EVALUATION
          ? TemplateException.evaluation("line " + renderer.line() + ": " + e.getMessage())
          : e;
    }
  }
}
