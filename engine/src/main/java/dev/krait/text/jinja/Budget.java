package dev.krait.text.jinja;

/// Counts the work, depth and text of one rendering against its [Limits]. Operations pay before
/// they work, so that none can run longer than the rest of the budget allows.
final class Budget {
  static final int CHARS_PER_STEP = 32;
  private static final int COMPARES_PER_STEP = 128;

  /// All texts made in one rendering together may hold this many times the longest single text.
  private static final int TEXTS = 16;

  private final Limits limits;
  private long workLeft;
  private long textLeft;
  private int depth;

  Budget(Limits limits) {
    this.limits = limits;
    this.workLeft = limits.work();
    this.textLeft = (long) TEXTS * limits.textChars();
  }

  Limits limits() {
    return limits;
  }

  void step() {
    work(1);
  }

  /// Pays for steps.
  void work(long steps) {
    if (steps > workLeft) {
      throw TemplateException.limit("work", limits.work() - workLeft + steps, limits.work());
    }
    workLeft -= steps;
  }

  /// Pays for reading characters.
  void read(long chars) {
    work(1 + chars / CHARS_PER_STEP);
  }

  /// Fails for a text longer than one may be.
  void checkLength(long chars) {
    if (chars > limits.textChars()) {
      throw TemplateException.limit("text length", chars, limits.textChars());
    }
  }

  /// Pays for a text of this length about to be made.
  void text(long chars) {
    checkLength(chars);
    if (chars > textLeft) {
      throw TemplateException.limit(
          "text in total",
          (long) TEXTS * limits.textChars() - textLeft + chars,
          (long) TEXTS * limits.textChars());
    }
    textLeft -= chars;
    read(chars);
  }

  /// Pays for looking for one text in another, at the worst case of the search.
  void search(long haystackChars, long needleChars) {
    work(1 + haystackChars * Math.max(1, Math.min(needleChars, haystackChars)) / COMPARES_PER_STEP);
  }

  void enter() {
    if (++depth > limits.callDepth()) {
      throw TemplateException.limit("call depth", depth, limits.callDepth());
    }
  }

  void leave() {
    depth--;
  }
}
