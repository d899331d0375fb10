package dev.krait.template;

import java.util.ArrayList;
import java.util.List;

/// The part that `[start:stop:step]` names; what is left out is None.
record Slice(Object start, Object stop, Object step) {
  /// The part of a str, list, tuple or range, with Python's clamping.
  Object of(Run run, Object value) {
    int size = size(run, value);
    long by = step == None.NONE ? 1 : index(step);
    if (by == 0) {
      throw TemplateException.evaluation("slice step cannot be zero");
    }
    int least = by > 0 ? 0 : -1;
    int most = by > 0 ? size : size - 1;
    int from = bound(start, size, by > 0 ? least : most, least, most);
    int to = bound(stop, size, by > 0 ? most : least, least, most);
    return switch (value) {
      case Range range -> range.part(from, to, by);
      case Tuple tuple -> new Tuple(kept(run, tuple.items(), from, to, by));
      case List<?> list -> kept(run, list, from, to, by);
      case Markup markup -> new Markup(part(run, markup.text(), from, to, by));
      default -> part(run, (String) value, from, to, by);
    };
  }

  private static int size(Run run, Object value) {
    return switch (value) {
      case String _, Markup _, List<?> _, Tuple _, Range _ -> Values.size(run, value);
      case Undefined undefined -> throw undefined.failure();
      case Dict _ -> throw TemplateException.evaluation("unhashable type: 'slice'");
      default ->
          throw TemplateException.evaluation(
              "'" + Values.type(value) + "' object is not subscriptable");
    };
  }

  private static String part(Run run, String text, int from, int to, long by) {
    if (by == 1) {
      int start = text.offsetByCodePoints(0, from);
      String part = text.substring(start, text.offsetByCodePoints(start, Math.max(0, to - from)));
      run.text(part.length());
      return part;
    }
    StringBuilder part = new StringBuilder();
    int[] points = text.codePoints().toArray();
    run.items(points.length);
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      part.appendCodePoint(points[(int) i]);
    }
    return part.toString();
  }

  private static List<Object> kept(Run run, List<?> items, int from, int to, long by) {
    List<Object> kept = new ArrayList<>();
    run.items(Math.abs((long) to - from) / Math.abs(by));
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      kept.add(items.get((int) i));
    }
    return kept;
  }

  private static int bound(Object bound, int size, int otherwise, int least, int most) {
    if (bound == None.NONE) {
      return otherwise;
    }
    long index = index(bound);
    return Math.clamp(index < 0 ? index + size : index, least, most);
  }

  private static long index(Object bound) {
    if (bound instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!Numbers.isInteger(bound)) {
      throw TemplateException.evaluation(
          "slice indices must be integers or None or have an __index__ method");
    }
    return Numbers.clamped(bound);
  }
}
