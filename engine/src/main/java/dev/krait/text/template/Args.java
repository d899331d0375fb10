package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.NamedParameter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The arguments of a call, by position and by name.
record Args(List<@Nullable Object> positional, Map<String, @Nullable Object> named) {
  static final Args NONE = new Args(List.of(), Map.of());

  static Args of(@Nullable Object[] values) {
    if (values.length == 0) {
      return NONE;
    }
    List<@Nullable Object> positional = new ArrayList<>(values.length);
    Map<String, @Nullable Object> named = new LinkedHashMap<>();
    for (Object value : values) {
      if (value instanceof NamedParameter parameter) {
        named.put(parameter.getName(), parameter.getValue());
      } else {
        positional.add(value);
      }
    }
    return new Args(positional, named);
  }

  /// A list that may hold nulls.
  static List<@Nullable Object> list(@Nullable Object[] values) {
    List<@Nullable Object> list = new ArrayList<>(values.length);
    Collections.addAll(list, values);
    return list;
  }

  /// Refuses arguments that the callee does not know.
  Args expect(String callee, int positions, Set<String> names) {
    if (positional.size() > positions) {
      throw TemplateException.evaluation(
          callee + " takes at most " + positions + " arguments here, got " + positional.size());
    }
    for (String name : named.keySet()) {
      if (!names.contains(name)) {
        throw TemplateException.evaluation(callee + " takes no argument " + name + " here");
      }
    }
    return this;
  }

  boolean has(int position, String name) {
    return position < positional.size() || named.containsKey(name);
  }

  @Nullable Object get(int position, String name) {
    return position < positional.size() ? positional.get(position) : named.get(name);
  }

  boolean truth(int position, String name) {
    return Values.truth(get(position, name));
  }

  long integer(int position, String name, long otherwise) {
    return has(position, name) ? Values.integer(get(position, name)) : otherwise;
  }

  String text(int position, String name, String otherwise) {
    return has(position, name) ? Values.text(get(position, name)) : otherwise;
  }

  /// The first argument, which must be there.
  @Nullable Object first(String callee) {
    if (positional.isEmpty()) {
      throw TemplateException.evaluation(callee + " needs an argument");
    }
    return positional.getFirst();
  }

  /// Without the first arguments by position.
  Args skip(int count) {
    return new Args(
        positional.subList(Math.min(count, positional.size()), positional.size()), named);
  }
}
