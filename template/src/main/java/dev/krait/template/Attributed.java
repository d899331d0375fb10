package dev.krait.template;

import org.jspecify.annotations.Nullable;

/// A value with attributes of its own.
interface Attributed {
  /// Null where there is none of this name.
  @Nullable Object attribute(Run run, String name);
}
