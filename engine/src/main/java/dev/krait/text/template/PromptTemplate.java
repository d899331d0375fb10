package dev.krait.text.template;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.ExtendedSyntaxBuilder;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.el.TruthyTypeConverter;
import com.hubspot.jinjava.interpret.OutputTooBigException;
import com.hubspot.jinjava.tree.ExpressionNode;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.ExpressionToken;
import java.time.Clock;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import jinjava.de.odysseus.el.ExpressionFactoryImpl;
import jinjava.de.odysseus.el.misc.TypeConverter;
import jinjava.de.odysseus.el.tree.TreeBuilderException;
import jinjava.de.odysseus.el.tree.TreeStore;
import jinjava.de.odysseus.el.tree.impl.Cache;
import jinjava.de.odysseus.el.tree.impl.Parser;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ExpressionFactory;
import org.jspecify.annotations.Nullable;

/// A parsed chat template. Immutable; any thread may render.
public final class PromptTemplate {
  private static final int CACHED_EXPRESSIONS = 4_096;

  private final Engine engine = new Engine();
  private final Clock clock;
  private final Set<String> names = new HashSet<>();
  private final Set<String> texts = new HashSet<>();
  private final Node root;

  private PromptTemplate(String source, Clock clock) {
    this.clock = clock;
    PromptInterpreter interpreter = interpreter(Map.of());
    this.root = interpreter.parse(TemplateSource.prepare(source));
    root.getChildren().forEach(this::check);
  }

  /// Parses a template with all its expressions.
  ///
  /// @param clock what `strftime_now` reads
  /// @throws TemplateException for a text that is not a template, for parts of Jinja that are not
  ///   known here, and for one above the limits on length and nesting
  public static PromptTemplate compile(String source, Clock clock) {
    return guarded(() -> new PromptTemplate(source, clock));
  }

  /// Whether an expression of the template has a variable of this name.
  public boolean mentions(String variable) {
    return names.contains(variable);
  }

  /// Whether an expression of the template has this very text, in quotes.
  public boolean quotes(String text) {
    return texts.contains(text);
  }

  /// Renders with variables that are JSON values; nulls inside are None.
  ///
  /// @throws TemplateException when the template raises, fails, or runs out of its budget
  public String render(Map<String, ? extends @Nullable Object> variables) {
    Map<String, Object> bindings = new HashMap<>();
    bindings.put("none", None.NONE);
    bindings.put("None", None.NONE);
    bindings.putAll(Methods.FUNCTIONS);
    return guarded(() -> {
      variables.forEach((name, value) -> bindings.put(name, Values.of(value)));
      return render(interpreter(bindings));
    });
  }

  private String render(PromptInterpreter interpreter) {
    try {
      return interpreter.render(root, false);
    } catch (RuntimeException e) {
      TemplateException failure = ours(e);
      if (failure.reason() != TemplateException.Reason.EVALUATION) {
        throw failure;
      }
      throw TemplateException.evaluation(
          failure.getMessage() + " in {{ " + interpreter.expression() + " }}");
    }
  }

  private PromptInterpreter interpreter(Map<String, Object> bindings) {
    return new PromptInterpreter(engine, new RenderContext(engine, bindings), clock);
  }

  /// Checks the tags and parses the expressions; the depth is bounded by the source's check.
  private void check(Node node) {
    if (node instanceof ExpressionNode && node.getMaster() instanceof ExpressionToken token) {
      read(token.getExpr());
    } else if (node instanceof TagNode tag) {
      if (!Tags.isKnown(tag.getName())) {
        throw TemplateException.syntax("the tag " + tag.getName() + " is not supported");
      }
      Tags.expressions(tag).forEach(this::read);
    }
    node.getChildren().forEach(this::check);
  }

  private void read(String expression) {
    engine.parse(expression);
    ExpressionText.collect(expression, names, texts);
  }

  private static <T> T guarded(java.util.function.Supplier<T> work) {
    try {
      return work.get();
    } catch (StackOverflowError e) {
      throw new TemplateException(
          TemplateException.Reason.LIMIT, "chat template nesting: too deep for the stack");
    } catch (RuntimeException e) {
      throw ours(e);
    }
  }

  /// What failed, from within the wrappers of the library.
  private static TemplateException ours(RuntimeException thrown) {
    return Stream.<@Nullable Throwable>iterate(
            thrown, cause -> cause != null, cause -> cause == null ? null : cause.getCause())
        .filter(TemplateException.class::isInstance)
        .map(TemplateException.class::cast)
        .findFirst()
        .orElseGet(() ->
            thrown instanceof OutputTooBigException
                ? TemplateException.size(String.valueOf(thrown.getMessage()))
                : TemplateException.evaluation(String.valueOf(thrown.getMessage())));
  }

  /// Jinjava with our parser, tags.
  private static final class Engine extends Jinjava {
    private final TreeStore expressions =
        new TreeStore(new ExpressionBuilder(), new Cache(CACHED_EXPRESSIONS));
    private final ExpressionFactory factory =
        new ExpressionFactoryImpl(expressions, new PythonTruth());

    Engine() {
      super(config());
      Tags.all().forEach(this::registerTag);
    }

    @Override
    public ExpressionFactory getExpressionFactory() {
      return factory;
    }

    void parse(String expression) {
      try {
        expressions.get(PromptInterpreter.enclosed(expression));
      } catch (TreeBuilderException e) {
        throw TemplateException.syntax(expression + ": " + e.getMessage());
      }
    }

    private static JinjavaConfig config() {
      return JinjavaConfig.newBuilder()
          .withMaxOutputSize(Budget.TEXT_CHARS)
          .withNestedInterpretationEnabled(false)
          .withKeepTrailingNewline(true)
          .withElResolver(new CompositeELResolver()) // empty: nothing is reached by reflection
          .withLegacyOverrides(
              LegacyOverrides.newBuilder()
                  .withParseWhitespaceControlStrictly(true)
                  .withHandleBackslashInQuotesOnly(true)
                  .build())
          .withProcessors(
              JinjavaProcessors.newBuilder().withNodePreProcessor(Budget::beforeNode).build())
          .build();
    }
  }

  private static final class ExpressionBuilder extends ExtendedSyntaxBuilder {
    private static final long serialVersionUID = 1L;

    ExpressionBuilder() {
      super(Feature.METHOD_INVOCATIONS, Feature.VARARGS, Feature.NULL_PROPERTIES);
    }

    @Override
    protected Parser createParser(String expression) {
      return new ExpressionParser(this, expression);
    }
  }

  private static final class PythonTruth extends TruthyTypeConverter implements TypeConverter {
    private static final long serialVersionUID = 1L;

    @Override
    protected Boolean coerceToBoolean(@Nullable Object value) {
      return Values.truth(value);
    }
  }
}
