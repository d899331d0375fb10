package dev.krait.text.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Evaluated arguments of a call of a function, filter, test or method.
record CallArguments(String callee, List<Object> positional, Map<String, Object> named) {

  /// The argument at a position or of a name, as in Python.
  Optional<Object> find(int position, String name) {
    if (position < positional.size()) {
      return Optional.of(positional.get(position));
    }
    return Optional.ofNullable(named.get(name));
  }

  Object get(int position, String name) {
    return find(position, name)
        .orElseThrow(
            () -> TemplateException.evaluation(callee + "() misses its argument '" + name + "'"));
  }

  Object get(int position, String name, Object fallback) {
    return find(position, name).orElse(fallback);
  }

  String text(int position, String name) {
    return Values.text(get(position, name), callee);
  }

  String text(int position, String name, String fallback) {
    return Values.text(get(position, name, fallback), callee);
  }

  int integer(int position, String name, long fallback) {
    return Values.integer(get(position, name, fallback), callee);
  }

  boolean flag(int position, String name, boolean fallback) {
    return Values.truth(get(position, name, fallback));
  }

  /// The same call without its first positional arguments.
  CallArguments drop(int count) {
    return new CallArguments(
        callee, positional.subList(Math.min(count, positional.size()), positional.size()), named);
  }

  /// Fails when there are more positional arguments than the callee takes.
  void atMost(int count) {
    if (positional.size() > count) {
      throw TemplateException.evaluation(
          callee + "() arguments: " + positional.size() + " (expected: at most " + count + ")");
    }
  }
}
