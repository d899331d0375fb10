package dev.krait.template;

import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/// The filters of jinja2, all but a few that print for web pages or by chance: pprint, random,
/// urlize, wordwrap.
final class Filters {
  static final Map<String, Builtin> ALL = all();

  private Filters() {}

  private static Map<String, Builtin> all() {
    Map<String, Builtin> all = new HashMap<>();
    Stream.of(TextFilters.ALL, ListFilters.ALL, SelectFilters.ALL, NumberFilters.ALL)
        .forEach(all::putAll);
    Map.of("d", "default", "e", "escape", "count", "length")
        .forEach((name, same) -> all.put(name, java.util.Objects.requireNonNull(all.get(same))));
    return Map.copyOf(all);
  }

  static String unknown(String name) {
    return "No filter named '" + name + "'.";
  }

  static Object apply(Run run, String name, Object value, Args args) {
    Builtin filter = ALL.get(name);
    if (filter == null) {
      throw TemplateException.evaluation(unknown(name));
    }
    return filter.call(run, value, args);
  }
}
