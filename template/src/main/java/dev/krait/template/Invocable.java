package dev.krait.template;

/// A value that a template can call.
@FunctionalInterface
interface Invocable {
  Object call(Run run, Args args);
}
