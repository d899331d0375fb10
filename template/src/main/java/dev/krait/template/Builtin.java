package dev.krait.template;

import java.util.Map;

/// A filter, a test, or a method of a value.
@FunctionalInterface
interface Builtin {
  Object call(Run run, Object value, Args args);

  /// What is left of it when its arguments are bound to its parameters.
  @FunctionalInterface
  interface Body {
    Object call(Run run, Object value, Bound args);
  }

  /// An entry of a table. Parameters have blanks between them; those with a question mark may be
  /// left out.
  static Map.Entry<String, Builtin> entry(String name, String parameters, Body body) {
    Signature signature = Signature.of(name, parameters);
    return Map.entry(
        name,
        (run, value, args) -> {
          run.step(1);
          return body.call(run, value, signature.bind(args));
        });
  }
}
