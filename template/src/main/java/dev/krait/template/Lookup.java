package dev.krait.template;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// `value.name` and `value[key]`: a closed list without reflection, so that nothing of Java is in
/// reach.
final class Lookup {
  private static final Set<String> CHANGE_A_DICT =
      Set.of("clear", "pop", "popitem", "setdefault", "update");
  private static final Set<String> CHANGE_A_LIST =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");

  private Lookup() {}

  /// A method with the value that it belongs to.
  record Method(Object owner, Builtin builtin) implements Invocable {
    @Override
    public Object call(Run run, Args args) {
      return builtin.call(run, owner, args);
    }
  }

  /// The attributes of a value come before the entries of a dict.
  static Object attribute(Run run, Object base, String name) {
    Object found = own(run, base, name);
    if (found == null && base instanceof Dict dict) {
      found = dict.get(name);
    }
    return found == null ? absent(base, name) : found;
  }

  /// The entries of a dict come before its attributes.
  static Object item(Run run, Object base, Object key) {
    if (key instanceof Slice slice) {
      return slice.of(run, base);
    }
    Object found = element(run, base, key);
    if (found == null && key instanceof String name) {
      found = own(run, base, name);
    }
    return found == null ? absent(base, key) : found;
  }

  private static Object absent(Object base, Object key) {
    if (base instanceof Undefined undefined) {
      throw undefined.failure();
    }
    return key instanceof String name && name.startsWith("__")
        ? Undefined.unsafe(base, name)
        : Undefined.of(base, key);
  }

  private static @Nullable Object own(Run run, Object base, String name) {
    Map<String, Builtin> methods =
        switch (base) {
          case String _, Markup _ -> TextMethods.ALL;
          case Dict _ -> ContainerMethods.OF_DICT;
          case List<?> _, Tuple _, Range _ -> ContainerMethods.OF_LIST;
          default -> Map.of();
        };
    Builtin method = methods.get(name);
    if (method != null) {
      return new Method(base, base instanceof Markup ? TextMethods.marked(method) : method);
    }
    return switch (base) {
      case Attributed attributed -> attributed.attribute(run, name);
      case Tuple tuple -> tuple.names().get(name);
      case Dict _ when CHANGE_A_DICT.contains(name) -> Undefined.unsafe(base, name);
      case List<?> _ when CHANGE_A_LIST.contains(name) -> Undefined.unsafe(base, name);
      default -> null;
    };
  }

  private static @Nullable Object element(Run run, Object base, Object key) {
    return switch (base) {
      case Dict dict -> key instanceof List || key instanceof Dict ? null : dict.get(key);
      case String _, Markup _, List<?> _, Tuple _, Range _ -> {
        if (!Numbers.isInteger(key) || key instanceof BigInteger) {
          yield null;
        }
        int size = Values.size(run, base);
        int given = Numbers.clamped(key);
        long index = given < 0 ? (long) given + size : given;
        yield index < 0 || index >= size ? null : at(run, base, (int) index);
      }
      default -> null;
    };
  }

  private static Object at(Run run, Object base, int index) {
    return switch (base) {
      case List<?> list -> list.get(index);
      case Tuple tuple -> tuple.items().get(index);
      case Range range -> range.items().get(index);
      default -> new Slice((long) index, index + 1L, None.NONE).of(run, base);
    };
  }

  /// What the argument `attribute` of a filter names: a path of names and indexes, or one index.
  static Object path(Run run, Object base, Object path) {
    if (!(path instanceof String names)) {
      return path == None.NONE ? base : item(run, base, path);
    }
    run.text(names.length());
    Object value = base;
    for (String part : names.split("\\.", -1)) {
      boolean index = Chars.all(part, Chars::isDigit) && part.length() < 10;
      value = item(run, value, index ? (Object) Long.parseLong(part) : part);
    }
    return value;
  }
}
