package dev.krait.template;

import java.util.AbstractList;
import java.util.List;

/// Python's `range`, which lists nothing that is not asked for.
record Range(long start, long stop, long step, int size) {
  /// The sandbox of jinja2 has the same bound.
  private static final int MOST = 100_000;

  static Range between(long start, long stop, long step) {
    if (step == 0) {
      throw TemplateException.evaluation("range() arg 3 must not be zero");
    }
    double span = step > 0 ? (double) stop - start : (double) start - stop;
    double size = Math.max(0, Math.ceil(span / Math.abs((double) step)));
    if (size > MOST) {
      throw TemplateException.limit("range items", (long) size, MOST);
    }
    return new Range(start, stop, step, (int) size);
  }

  List<Object> items() {
    return new AbstractList<>() {
      @Override
      public Object get(int index) {
        return start + index * step;
      }

      @Override
      public int size() {
        return size;
      }
    };
  }

  /// The items between two indexes.
  Range part(int from, int to, long by) {
    long span = by > 0 ? to - from : from - to;
    long count = span <= 0 ? 0 : (span - 1) / Math.abs(by) + 1;
    return new Range(start + from * step, start + to * step, step * by, (int) count);
  }

  @Override
  public String toString() {
    return "range(" + start + ", " + stop + (step == 1 ? ")" : ", " + step + ")");
  }
}
