package dev.krait.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The variable `loop`. It looks one item ahead, and at all of them when their number is asked for.
final class Loop implements Attributed, Invocable {
  private final int depth;
  private final @Nullable Invocable recursion;
  private Iterator<Object> source;
  private @Nullable Object before;
  private @Nullable Object current;
  private @Nullable Object after;
  private int index = -1;
  private int length = -1;
  private @Nullable List<Object> changed;

  Loop(Iterator<Object> source, int depth, @Nullable Invocable recursion) {
    this.source = source;
    this.depth = depth;
    this.recursion = recursion;
  }

  boolean advance() {
    Object next = peek();
    if (next == null) {
      return false;
    }
    before = current;
    current = next;
    after = null;
    index++;
    return true;
  }

  Object current() {
    return java.util.Objects.requireNonNull(current);
  }

  private @Nullable Object peek() {
    if (after == null && source.hasNext()) {
      after = source.next();
    }
    return after;
  }

  int length(Run run) {
    if (length < 0) {
      List<Object> rest = new ArrayList<>();
      source.forEachRemaining(item -> {
        run.items(1);
        rest.add(item);
      });
      source = rest.iterator();
      length = index + 1 + rest.size() + (after == null ? 0 : 1);
    }
    return length;
  }

  @Override
  public Object call(Run run, Args args) {
    if (recursion == null) {
      throw TemplateException.evaluation(
          "The loop must have the 'recursive' marker to be called recursively.");
    }
    return recursion.call(run, args);
  }

  @Override
  public @Nullable Object attribute(Run run, String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) length(run) - index;
      case "revindex0" -> (long) length(run) - index - 1;
      case "first" -> index == 0;
      case "last" -> peek() == null;
      case "length" -> (long) length(run);
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" -> before == null ? Undefined.because("there is no previous item") : before;
      case "nextitem" -> {
        Object next = peek();
        yield next == null ? Undefined.because("there is no next item") : next;
      }
      case "cycle" -> (Invocable) (_, args) -> cycle(args);
      case "changed" -> (Invocable) this::changed;
      default -> null;
    };
  }

  private Object cycle(Args args) {
    if (args.positional().isEmpty()) {
      throw TemplateException.evaluation("no items for cycling given");
    }
    return args.positional().get(index % args.positional().size());
  }

  private Object changed(Run run, Args args) {
    List<Object> values = args.positional();
    boolean same = changed != null && Comparison.equal(run, changed, values);
    changed = values;
    return !same;
  }
}
