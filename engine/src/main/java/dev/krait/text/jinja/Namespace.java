package dev.krait.text.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/// The one value whose attributes a template can set, through `namespace()`.
final class Namespace {
  private final Map<String, Object> attributes = new LinkedHashMap<>();

  Object get(String name) {
    Object value = attributes.get(name);
    return value == null ? new Undefined("namespace has no attribute '" + name + "'") : value;
  }

  void set(String name, Object value) {
    attributes.put(name, value);
  }
}
