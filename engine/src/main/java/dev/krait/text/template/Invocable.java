package dev.krait.text.template;

import org.jspecify.annotations.Nullable;

/// What a template can call by name: functions, methods, macros and recursive loops.
interface Invocable {
  @Nullable Object call(Args args);
}
