package dev.krait.text.template;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.el.JinjavaELContext;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import java.time.Clock;
import java.util.function.Function;
import jinjava.de.odysseus.el.tree.TreeBuilderException;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ExpressionFactory;
import org.jspecify.annotations.Nullable;

/// One rendering: Jinjava's interpreter with a budget, a clock, Python's way to print, and
/// expressions whose failure ends the rendering, where Jinjava notes it and goes on.
final class PromptInterpreter extends JinjavaInterpreter {
  /// What a context holds for an undefined value; a null would uncover the variable beneath.
  private enum Undefined {
    UNDEFINED
  }

  private final Jinjava jinjava;
  private final Budget budget;
  private final Clock clock;
  private final ExpressionFactory expressions;
  private final ELContext values = new JinjavaELContext(this, new JinjavaInterpreterResolver(this));
  private String expression = "";

  PromptInterpreter(Jinjava jinjava, Context context, Clock clock) {
    this(jinjava, context, clock, new Budget());
  }

  private PromptInterpreter(Jinjava jinjava, Context context, Clock clock, Budget budget) {
    super(jinjava, context, jinjava.getGlobalConfig());
    this.jinjava = jinjava;
    this.budget = budget;
    this.clock = clock;
    this.expressions = jinjava.getExpressionFactory();
  }

  static PromptInterpreter current() {
    return (PromptInterpreter) JinjavaInterpreter.getCurrent();
  }

  /// The text that the parser takes for an expression.
  static String enclosed(String expression) {
    return "#{" + expression.strip() + "}";
  }

  Budget budget() {
    return budget;
  }

  Clock clock() {
    return clock;
  }

  /// The expression evaluated last, shortened for a message.
  String expression() {
    return expression.length() <= 80 ? expression : expression.substring(0, 80) + "...";
  }

  /// Renders in a new scope within another, such as the one where a macro is defined.
  String within(Context scope, Function<PromptInterpreter, String> work) {
    budget.call();
    PromptInterpreter inside = new PromptInterpreter(jinjava, new Context(scope), clock, budget);
    try (var _ = closeablePushCurrent(inside).get()) {
      String text = work.apply(inside);
      budget.endCall();
      return text;
    }
  }

  void assign(String name, @Nullable Object value) {
    getContext().put(name, value == null ? Undefined.UNDEFINED : value);
  }

  @Nullable Object variable(String name) {
    return defined(getContext().get(name));
  }

  static @Nullable Object defined(@Nullable Object value) {
    return value == Undefined.UNDEFINED ? null : value;
  }

  @Nullable Object evaluate(String text) {
    budget.expression(text.length());
    return resolveELExpression(text.strip(), getLineNumber());
  }

  @Override
  public @Nullable Object resolveELExpression(String text, int line) {
    expression = text.strip();
    try {
      return expressions
          .createValueExpression(values, enclosed(text), Object.class)
          .getValue(values);
    } catch (TreeBuilderException e) {
      throw TemplateException.syntax(String.valueOf(e.getMessage()));
    }
  }

  /// Jinjava would note the error and go on.
  @Override
  public void addError(@Nullable TemplateError error) {
    if (error == null) {
      return;
    }
    String message = error.getMessage();
    switch (error.getReason()) {
      case OUTPUT_TOO_BIG, COLLECTION_TOO_BIG -> throw TemplateException.size(message);
      case EXCEPTION -> throw TemplateException.evaluation(message);
      default -> throw TemplateException.syntax(message);
    }
  }

  @Override
  public String getAsString(@Nullable Object value) {
    String text = PythonText.print(value);
    budget.text(text.length());
    return text;
  }
}
