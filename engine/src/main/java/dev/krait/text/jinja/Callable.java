package dev.krait.text.jinja;

/// A value that a template can call: a function, a method bound to its object, or a macro.
@FunctionalInterface
interface Callable {
  Object call(CallArguments arguments);
}
