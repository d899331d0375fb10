package dev.krait.template;

import java.time.Clock;
import java.time.ZoneId;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A parsed chat template: the dialect of Jinja that transformers gives the templates of Hugging
/// Face models. Immutable; any thread may render.
///
/// A rendering gives what `jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True,
/// lstrip_blocks=True, extensions=[loopcontrols])` gives with transformers' `tojson`,
/// `raise_exception`, `strftime_now` and `generation`. Other templates are out of reach, so
/// `include`, `import` and `extends` are refused, and so are the filters `pprint`, `random`,
/// `urlize` and `wordwrap`. Nothing of Java is within reach, and a rendering ends at
/// [TemplateLimits].
public final class Template {
  private final StatementParser.Parsed parsed;
  private final TemplateLimits limits;

  private Template(StatementParser.Parsed parsed, TemplateLimits limits) {
    this.parsed = parsed;
    this.limits = limits;
  }

  /// Parses a template.
  ///
  /// @throws TemplateException for what is no template or beyond the limits
  public static Template parse(String source) {
    return parse(source, TemplateLimits.DEFAULT);
  }

  /// Parses a template whose parsing and renderings have these limits.
  public static Template parse(String source, TemplateLimits limits) {
    if (source.length() > limits.sourceChars()) {
      throw TemplateException.limit("length", source.length(), limits.sourceChars());
    }
    return new Template(bounded(() -> StatementParser.parse(source, limits)), limits);
  }

  /// Renders with variables that are JSON values: String, Boolean, Number, Map, Collection; null is
  /// None.
  ///
  /// @throws TemplateException when the template raises, fails, or runs into a limit
  public String render(Map<String, ? extends @Nullable Object> variables) {
    return render(variables, Clock.system(ZoneId.systemDefault()));
  }

  /// Renders with a clock for `strftime_now`.
  public String render(Map<String, ? extends @Nullable Object> variables, Clock clock) {
    Run run = new Run(limits, clock);
    try {
      return bounded(() -> {
        Scope scope = new Scope(run);
        variables.forEach((name, value) -> scope.set(name, Values.of(run, value)));
        StringBuilder out = new StringBuilder();
        parsed.body().exec(scope, out);
        return out.toString();
      });
    } catch (TemplateException e) {
      throw e.at(run.line());
    }
  }

  /// Whether an expression of the template reads a variable of this name.
  public boolean reads(String variable) {
    return parsed.read().contains(variable);
  }

  /// Whether an expression of the template has this very text, in quotes.
  public boolean quotes(String text) {
    return parsed.quoted().contains(text);
  }

  /// The limits on depth come first; this is for threads with very small stacks.
  private static <T> T bounded(Supplier<T> work) {
    try {
      return work.get();
    } catch (StackOverflowError e) {
      throw TemplateException.stack();
    }
  }
}
