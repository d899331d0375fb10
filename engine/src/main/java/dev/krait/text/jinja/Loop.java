package dev.krait.text.jinja;

import java.util.List;

/// The `loop` variable of a running `for`; one per loop, moved on by the renderer.
final class Loop {
  private final List<Object> items;
  private int index = -1;

  Loop(List<Object> items) {
    this.items = items;
  }

  boolean advance() {
    return ++index < items.size();
  }

  Object item() {
    return items.get(index);
  }

  Object get(String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) items.size() - index;
      case "revindex0" -> items.size() - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == items.size() - 1;
      case "length" -> (long) items.size();
      case "depth" -> 1L;
      case "depth0" -> 0L;
      case "previtem" ->
          index > 0 ? items.get(index - 1) : new Undefined("there is no previous item");
      case "nextitem" ->
          index + 1 < items.size() ? items.get(index + 1) : new Undefined("there is no next item");
      case "cycle" -> (Callable) this::cycle;
      default -> new Undefined("loop has no attribute '" + name + "'");
    };
  }

  private Object cycle(CallArguments arguments) {
    if (arguments.positional().isEmpty()) {
      throw TemplateException.evaluation("cycle() without items");
    }
    return arguments.positional().get(index % arguments.positional().size());
  }
}
