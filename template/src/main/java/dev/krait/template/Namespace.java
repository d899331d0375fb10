package dev.krait.template;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What `namespace(...)` makes: attributes that `set` can change from within a loop.
final class Namespace implements Attributed {
  private final Map<String, Object> values;

  Namespace(Map<String, Object> values) {
    this.values = new LinkedHashMap<>(values);
  }

  @Override
  public @Nullable Object attribute(Run run, String name) {
    return values.get(name);
  }

  void set(String name, Object value) {
    values.put(name, value);
  }

  Dict dict() {
    return Dict.of(new HashMap<>(values));
  }
}
