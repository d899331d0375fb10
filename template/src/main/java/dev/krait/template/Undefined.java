package dev.krait.template;

import java.util.function.Supplier;

/// What a name, an attribute or an element is that is not there. It prints as nothing, is false and
/// empty; any other use fails with its message.
record Undefined(Supplier<String> message) {
  static Undefined because(String message) {
    return new Undefined(() -> message);
  }

  static Undefined name(String name) {
    return new Undefined(() -> "'" + name + "' is undefined");
  }

  /// What a value does not have.
  static Undefined of(Object base, Object key) {
    String owner = base == None.NONE ? "None" : Values.type(base) + " object";
    return new Undefined(() ->
        key instanceof String name
            ? "'" + owner + "' has no attribute '" + name + "'"
            : owner + " has no element " + (key instanceof Number ? key : Values.type(key)));
  }

  /// What Python would let a template reach, but its sandbox does not.
  static Undefined unsafe(Object base, String name) {
    return new Undefined(() ->
        "access to attribute '" + name + "' of '" + Values.type(base) + "' object is unsafe.");
  }

  TemplateException failure() {
    return TemplateException.evaluation(message.get());
  }
}
