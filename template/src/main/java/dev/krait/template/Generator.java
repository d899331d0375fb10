package dev.krait.template;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What filters such as `map` and `select` give: items that are made when they are asked for, and
/// only once. It is true even when it has none, and has no length.
final class Generator implements Iterator<Object> {
  private final String type;
  private final Iterator<Object> source;
  private final Function<Object, @Nullable Object> step;
  private @Nullable Object next;

  /// @param step what becomes of an item of the source; null leaves it out
  Generator(Iterator<Object> source, Function<Object, @Nullable Object> step) {
    this("generator", source, step);
  }

  private Generator(String type, Iterator<Object> source, Function<Object, @Nullable Object> step) {
    this.type = type;
    this.source = source;
    this.step = step;
  }

  /// All items of a source, under Python's name of their type.
  static Generator all(String type, Iterator<Object> source) {
    return new Generator(type, source, item -> item);
  }

  String type() {
    return type;
  }

  @Override
  public boolean hasNext() {
    while (next == null && source.hasNext()) {
      next = step.apply(source.next());
    }
    return next != null;
  }

  @Override
  public Object next() {
    if (!hasNext() || next == null) {
      throw new NoSuchElementException();
    }
    Object item = next;
    next = null;
    return item;
  }
}
