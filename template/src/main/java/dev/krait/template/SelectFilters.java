package dev.krait.template;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// The filters that call other filters and tests for each item, and `default` and `attr`.
final class SelectFilters {
  static final Map<String, Builtin> ALL =
      Map.ofEntries(
          Map.entry("map", SelectFilters::map),
          Map.entry("select", (run, value, args) -> select(run, value, args, false, true)),
          Map.entry("reject", (run, value, args) -> select(run, value, args, false, false)),
          Map.entry("selectattr", (run, value, args) -> select(run, value, args, true, true)),
          Map.entry("rejectattr", (run, value, args) -> select(run, value, args, true, false)),
          Builtin.entry("attr", "name", SelectFilters::attribute),
          Builtin.entry("default", "default_value? boolean?", SelectFilters::otherwise));

  private SelectFilters() {}

  /// Nothing is selected from what is false, whether or not it has items.
  private static Iterator<Object> items(Run run, Object value) {
    return Values.truth(value) ? Values.iterate(run, value) : Collections.emptyIterator();
  }

  private static Object map(Run run, Object value, Args args) {
    if (args.positional().isEmpty() && args.named().containsKey("attribute")) {
      Bound bound = Signature.of("map", "attribute default?").bind(args);
      return new Generator(
          items(run, value),
          item -> {
            run.step(1);
            Object found = Lookup.path(run, item, bound.get(0));
            return found instanceof Undefined && bound.has(1) ? bound.get(1) : found;
          });
    }
    if (args.positional().isEmpty()) {
      throw TemplateException.evaluation("map requires a filter argument");
    }
    String filter = Text.of(run, args.positional().getFirst());
    Args others = args.from(1);
    return new Generator(items(run, value), item -> Filters.apply(run, filter, item, others));
  }

  private static Object select(Run run, Object value, Args args, boolean attribute, boolean kept) {
    int first = attribute ? 1 : 0;
    List<Object> given = args.positional();
    if (given.size() < first) {
      throw TemplateException.evaluation("Missing parameter for attribute name");
    }
    Predicate<Object> test;
    if (given.size() == first) {
      test = Values::truth;
    } else {
      String name = Text.of(run, given.get(first));
      Args others = args.from(first + 1);
      test = item -> Values.truth(Tests.apply(run, name, item, others));
    }
    return new Generator(
        items(run, value),
        item -> {
          run.step(1);
          Object tested = attribute ? Lookup.path(run, item, given.getFirst()) : item;
          return test.test(tested) == kept ? item : null;
        });
  }

  /// An attribute in the sense of Python, not an entry of a dict.
  private static Object attribute(Run run, Object value, Bound args) {
    String name = args.text(run, 0, "");
    return value instanceof Dict ? Undefined.of(value, name) : Lookup.attribute(run, value, name);
  }

  private static Object otherwise(Run run, Object value, Bound args) {
    boolean use = value instanceof Undefined || (args.truth(1) && !Values.truth(value));
    return use ? args.get(0, "") : value;
  }
}
