package dev.krait.text.template;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The `loop` of a for tag.
final class Loop {
  private final List<@Nullable Object> items;
  private final int depth;
  private int index = -1;
  private boolean skipping;
  private boolean broken;

  Loop(List<@Nullable Object> items, @Nullable Object outer) {
    this.items = items;
    this.depth = outer instanceof Loop loop ? loop.depth + 1 : 0;
  }

  boolean next() {
    skipping = false;
    return !broken && ++index < items.size();
  }

  @Nullable Object item() {
    return items.get(index);
  }

  /// Leaves the rest of this pass out, and further passes with a break.
  void skip(boolean breaks) {
    skipping = true;
    broken = breaks;
  }

  boolean isSkipping() {
    return skipping;
  }

  Object cycle(List<?> choices) {
    return choices.get(index % choices.size());
  }

  @Nullable Object attribute(String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) items.size() - index;
      case "revindex0" -> items.size() - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == items.size() - 1;
      case "length" -> (long) items.size();
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" -> index == 0 ? null : items.get(index - 1);
      case "nextitem" -> index == items.size() - 1 ? null : items.get(index + 1);
      default -> null;
    };
  }
}
