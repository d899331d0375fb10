package dev.krait.text.template;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The `loop` of a for tag.
final class Loop implements Invocable {
  private final List<@Nullable Object> items;
  private final int depth;
  private final Invocable again;
  private @Nullable Object watched;
  private int index = -1;
  private boolean skipping;
  private boolean broken;

  Loop(List<@Nullable Object> items, @Nullable Object outer, Invocable again) {
    this.items = items;
    this.again = again;
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

  @Override
  public @Nullable Object call(Args args) {
    return again.call(args);
  }

  @Nullable Object method(String name, Args args) {
    return switch (name) {
      case "cycle" -> {
        args.first("loop.cycle");
        yield args.positional().get(index % args.positional().size());
      }
      case "changed" -> {
        boolean changed = watched == null || !Values.equal(watched, args.positional());
        watched = args.positional();
        yield changed;
      }
      default -> throw TemplateException.evaluation("a loop has no method " + name + " here");
    };
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
