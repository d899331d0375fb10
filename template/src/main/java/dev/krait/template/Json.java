package dev.krait.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Values as Python's `json.dumps` writes them.
final class Json {
  /// How it is written: on one line without an indent.
  record Layout(
      @Nullable String indent, String comma, String colon, boolean ascii, boolean sorted) {}

  private final Run run;
  private final Layout layout;
  private final StringBuilder out = new StringBuilder();

  private Json(Run run, Layout layout) {
    this.run = run;
    this.layout = layout;
  }

  static String write(Run run, Object value, Layout layout) {
    Json json = new Json(run, layout);
    json.value(value, 0);
    run.text(json.out.length());
    return json.out.toString();
  }

  private void value(Object value, int level) {
    run.enter();
    switch (value) {
      case String text -> quote(text);
      case Markup markup -> quote(markup.text());
      case List<?> list -> list(list, level);
      case Tuple tuple -> list(tuple.items(), level);
      case Dict dict -> dict(dict, level);
      case None _, Boolean _, Long _, BigInteger _, Double _ -> out.append(plain(value));
      default ->
          throw TemplateException.evaluation(
              "Object of type " + Values.type(value) + " is not JSON serializable");
    }
    run.leave();
  }

  private String plain(Object value) {
    return switch (value) {
      case None _ -> "null";
      case Double number when Double.isNaN(number) -> "NaN";
      case Double number when Double.isInfinite(number) -> number < 0 ? "-Infinity" : "Infinity";
      case Double number -> Text.real(number);
      case Boolean truth -> truth.toString();
      default -> Text.integer(run, value);
    };
  }

  private void list(List<?> items, int level) {
    out.append('[');
    boolean first = true;
    for (Object item : items) {
      next(first, level + 1);
      value(item, level + 1);
      first = false;
    }
    end(first, level, ']');
  }

  private void dict(Dict dict, int level) {
    out.append('{');
    List<Object> items = new ArrayList<>(dict.items());
    if (layout.sorted()) {
      items.sort((a, b) ->
          Comparison.compare(
              run, "<", ((Tuple) a).items().getFirst(), ((Tuple) b).items().getFirst()));
    }
    boolean first = true;
    for (Object item : items) {
      List<Object> pair = ((Tuple) item).items();
      next(first, level + 1);
      quote(key(pair.getFirst()));
      mark(layout.colon());
      value(pair.getLast(), level + 1);
      first = false;
    }
    end(first, level, '}');
  }

  private String key(Object key) {
    return switch (key) {
      case String text -> text;
      case Markup markup -> markup.text();
      case None _, Boolean _, Long _, BigInteger _, Double _ -> plain(key);
      default ->
          throw TemplateException.evaluation(
              "keys must be str, int, float, bool or None, not " + Values.type(key));
    };
  }

  private void next(boolean first, int level) {
    if (!first) {
      mark(layout.comma());
    }
    line(level);
  }

  private void mark(String separator) {
    run.step(1 + separator.length() / 8L);
    out.append(separator);
    run.outputs(out.length());
  }

  private void end(boolean empty, int level, char bracket) {
    if (!empty) {
      line(level);
    }
    out.append(bracket);
  }

  private void line(int level) {
    String indent = layout.indent();
    if (indent != null) {
      run.outputs(out.length() + (long) indent.length() * level);
      run.text((long) indent.length() * level);
      out.append('\n').repeat(indent, level);
    }
  }

  private void quote(String text) {
    run.text(text.length());
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || (layout.ascii() && c >= 0x7f)) {
            run.step(1);
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
