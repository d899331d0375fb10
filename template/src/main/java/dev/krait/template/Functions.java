package dev.krait.template;

import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The functions that a template can call by name, until a variable of its own hides them.
final class Functions {
  static final Map<String, Invocable> ALL =
      Map.of(
          "range", Functions::range,
          "dict", (run, args) -> Dict.of(entries(run, args)),
          "namespace", (run, args) -> new Namespace(names(entries(run, args))),
          "cycler", (_, args) -> new Cycler(args.positional()),
          "joiner", (run, args) -> new Joiner(bound("joiner", "sep?", args).text(run, 0, ", ")),
          "raise_exception", Functions::raise,
          "strftime_now", Functions::now);

  private Functions() {}

  private static Bound bound(String name, String parameters, Args args) {
    return Signature.of(name, parameters).bind(args);
  }

  private static Object range(Run run, Args args) {
    run.step(1);
    Bound bounds = bound("range", "start stop? step?", args);
    long first = whole(bounds.get(0));
    return bounds.has(1)
        ? Range.between(first, whole(bounds.get(1)), whole(bounds.get(2, 1L)))
        : Range.between(0, first, 1);
  }

  private static long whole(Object value) {
    if (Numbers.integer(value).bitLength() >= Long.SIZE) {
      throw TemplateException.evaluation("range: an int above 64 bits");
    }
    return Numbers.integer(value).longValue();
  }

  private static Map<Object, Object> entries(Run run, Args args) {
    run.step(1);
    Map<Object, Object> entries = new LinkedHashMap<>();
    for (Object arg : args.positional()) {
      List<Object> pairs = arg instanceof Dict dict ? dict.items() : Values.list(run, arg);
      run.items(pairs.size());
      for (Object pair : pairs) {
        List<Object> both = Values.list(run, pair);
        if (both.size() != 2) {
          throw TemplateException.evaluation("a dict is made of pairs");
        }
        entries.put(both.getFirst(), both.getLast());
      }
    }
    entries.putAll(args.named());
    return entries;
  }

  private static Map<String, Object> names(Map<Object, Object> entries) {
    Map<String, Object> names = new LinkedHashMap<>();
    entries.forEach((name, value) -> names.put(String.valueOf(name), value));
    return names;
  }

  private static Object raise(Run run, Args args) {
    throw TemplateException.raised(Text.str(run, bound("raise_exception", "message", args).get(0)));
  }

  private static Object now(Run run, Args args) {
    String format = Text.of(run, bound("strftime_now", "format", args).get(0));
    return DateText.format(run, format, LocalDateTime.now(run.clock()));
  }

  /// Gives its items in turn.
  private static final class Cycler implements Attributed {
    private final List<Object> items;
    private int at;

    Cycler(List<Object> items) {
      if (items.isEmpty()) {
        throw TemplateException.evaluation("at least one item has to be provided");
      }
      this.items = items;
    }

    @Override
    public @Nullable Object attribute(Run run, String name) {
      return switch (name) {
        case "current" -> items.get(at);
        case "next" ->
            (Invocable)
                (_, _) -> {
                  Object item = items.get(at);
                  at = (at + 1) % items.size();
                  return item;
                };
        case "reset" ->
            (Invocable)
                (_, _) -> {
                  at = 0;
                  return None.NONE;
                };
        default -> null;
      };
    }
  }

  /// Gives nothing for the first time and then its separator.
  private static final class Joiner implements Invocable {
    private final String separator;
    private boolean used;

    Joiner(String separator) {
      this.separator = separator;
    }

    @Override
    public Object call(Run run, Args args) {
      String text = used ? separator : "";
      used = true;
      return text;
    }
  }
}
