package dev.krait.template;

import java.time.Clock;

/// One rendering: what it has spent, and the line where it is. Operations pay before they work, so
/// that none takes longer than the rest of the budget allows.
final class Run {
  private static final int CHARS_PER_STEP = 8;
  private static final int COMPARES_PER_STEP = 256;
  private static final int BYTES_PER_ITEM = 24;

  private final TemplateLimits limits;
  private final Clock clock;
  private long steps;
  private long bytes;
  private int depth;
  private int line;

  Run(TemplateLimits limits, Clock clock) {
    this.limits = limits;
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  int line() {
    return line;
  }

  void line(int at) {
    line = at;
  }

  void step(long count) {
    steps += count;
    if (steps > limits.steps() || steps < 0) {
      throw TemplateException.limit("work", steps, limits.steps());
    }
  }

  /// Pays for reading or making a text of this length.
  void text(long chars) {
    if (chars > limits.textChars()) {
      throw TemplateException.limit("text length", chars, limits.textChars());
    }
    step(1 + chars / CHARS_PER_STEP);
    memory(chars * Character.BYTES);
  }

  /// Pays for reading or making that many items of a list.
  void items(long count) {
    step(1 + count);
    memory(count * BYTES_PER_ITEM);
  }

  /// Checks the length of what is written.
  void outputs(long chars) {
    if (chars > limits.textChars()) {
      throw TemplateException.limit("text length", chars, limits.textChars());
    }
  }

  private void memory(long more) {
    bytes += more;
    if (bytes > limits.bytes()) {
      throw TemplateException.limit("memory in bytes", bytes, limits.bytes());
    }
  }

  /// Pays for looking for one text in another, at the worst case of the search.
  void search(String text, String part) {
    step(1 + (long) text.length() * (1 + part.length()) / COMPARES_PER_STEP);
  }

  void enter() {
    step(1);
    if (++depth > limits.depth()) {
      throw TemplateException.limit("depth", depth, limits.depth());
    }
  }

  /// Not reached when what was entered fails, because that ends the rendering.
  void leave() {
    depth--;
  }
}
