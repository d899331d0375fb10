package dev.krait.template;

/// A text that is escaped already, as the filters `escape` and `safe` make it: texts that are added
/// to it get escaped.
record Markup(String text) {
  /// Escapes a text that is not escaped yet.
  static String escaped(Run run, Object value) {
    if (value instanceof Markup markup) {
      return markup.text;
    }
    String text = Text.str(run, value);
    run.text(2L * text.length());
    return text.replace("&", "&amp;")
        .replace(">", "&gt;")
        .replace("<", "&lt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }
}
