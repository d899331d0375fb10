package dev.krait.template;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The filters that give a text.
final class TextFilters {
  static final Map<String, Builtin> ALL =
      Map.ofEntries(
          Builtin.entry(
              "tojson", "ensure_ascii? indent? separators? sort_keys?", TextFilters::json),
          method("trim", "strip"),
          method("upper", "upper"),
          method("lower", "lower"),
          method("capitalize", "capitalize"),
          Builtin.entry("center", "width?", TextFilters::center),
          Builtin.entry("title", "", (run, value, _) -> title(Text.str(run, value))),
          Builtin.entry("replace", "old new count?", TextFilters::replace),
          Builtin.entry(
              "string",
              "",
              (run, value, _) -> value instanceof Markup ? value : Text.str(run, value)),
          Builtin.entry("safe", "", (run, value, _) -> new Markup(Text.str(run, value))),
          Builtin.entry("escape", "", (run, value, _) -> new Markup(Markup.escaped(run, value))),
          Builtin.entry(
              "forceescape",
              "",
              (run, value, _) -> new Markup(Markup.escaped(run, Text.str(run, value)))),
          Builtin.entry("indent", "width? first? blank?", TextFilters::indent),
          Builtin.entry("truncate", "length? killwords? end? leeway?", TextFilters::truncate),
          Builtin.entry("wordcount", "", (run, value, _) -> words(run, Text.str(run, value))),
          Builtin.entry("striptags", "", (run, value, _) -> withoutTags(run, value)),
          Builtin.entry("urlencode", "", TextFilters::urlEncoded),
          Builtin.entry("xmlattr", "autospace?", TextFilters::attributes),
          Builtin.entry("join", "d? attribute?", TextFilters::join),
          Map.entry("format", TextFilters::format));

  private TextFilters() {}

  private static Map.Entry<String, Builtin> method(String name, String method) {
    Builtin plain = Objects.requireNonNull(TextMethods.ALL.get(method));
    Builtin marked = TextMethods.marked(plain);
    return Map.entry(
        name,
        (run, value, args) ->
            value instanceof Markup
                ? marked.call(run, value, args)
                : plain.call(run, Text.str(run, value), args));
  }

  private static Object json(Run run, Object value, Bound args) {
    String comma = args.has(1) ? "," : ", ";
    String colon = ": ";
    if (args.has(2)) {
      List<Object> pair = Values.list(run, args.get(2));
      if (pair.size() != 2) {
        throw TemplateException.evaluation("tojson: separators (expected: two texts)");
      }
      comma = Text.of(run, pair.getFirst());
      colon = Text.of(run, pair.getLast());
      run.text((long) comma.length() + colon.length());
    }
    return Json.write(
        run,
        value,
        new Json.Layout(
            args.has(1) ? blanks(run, args.get(1)) : null,
            comma,
            colon,
            args.truth(0),
            args.truth(3)));
  }

  /// An indent given as a text or a number of blanks.
  private static String blanks(Run run, Object indent) {
    String text = Comparison.string(indent);
    if (text != null) {
      return text;
    }
    int width = Math.max(0, Numbers.clamped(indent));
    run.text(width);
    return " ".repeat(width);
  }

  private static Object center(Run run, Object value, Bound args) {
    Builtin method = Objects.requireNonNull(TextMethods.ALL.get("center"));
    return method.call(run, Text.str(run, value), Args.of(args.get(0, 80L)));
  }

  /// Words begin after blanks, hyphens and opening brackets.
  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    int from = 0;
    while (from < text.length()) {
      int end = from;
      boolean separates = separates(text.charAt(from));
      while (end < text.length() && separates(text.charAt(end)) == separates) {
        end++;
      }
      String part = text.substring(from, end);
      if (!separates) {
        int first = part.offsetByCodePoints(0, 1);
        part =
            part.substring(0, first).toUpperCase(Locale.ROOT)
                + part.substring(first).toLowerCase(Locale.ROOT);
      }
      out.append(part);
      from = end;
    }
    return out.toString();
  }

  private static boolean separates(char c) {
    return Chars.isSpace(c) || "-({[<".indexOf(c) >= 0;
  }

  private static Object replace(Run run, Object value, Bound args) {
    return TextSearch.replace(
        run,
        Text.str(run, value),
        Text.str(run, args.get(0)),
        Text.str(run, args.get(1)),
        args.has(2) ? args.integer(2, -1) : -1);
  }

  private static Object indent(Run run, Object value, Bound args) {
    String blanks = blanks(run, args.get(0, 4L));
    boolean blank = args.truth(2);
    if (Comparison.string(value) == null) {
      Operators.defined(value);
      throw TemplateException.evaluation(
          "unsupported operand type(s) for +=: '" + Values.type(value) + "' and 'str'");
    }
    List<Object> lines = TextMethods.lines(Text.of(run, value) + "\n", false);
    StringBuilder out = new StringBuilder(args.truth(1) ? blanks : "");
    for (int i = 0; i < lines.size(); i++) {
      String line = (String) lines.get(i);
      String before = i > 0 && (blank || !line.isEmpty()) ? blanks : "";
      run.text((long) before.length() + line.length());
      run.outputs((long) out.length() + before.length() + line.length());
      out.append(i == 0 ? "" : "\n").append(before).append(line);
    }
    return out.toString();
  }

  private static Object truncate(Run run, Object value, Bound args) {
    int length = args.integer(0, 255);
    String end = args.text(run, 2, "...");
    int leeway = args.has(3) ? args.integer(3, 5) : 5;
    int suffix = Chars.count(end);
    if (length < suffix || leeway < 0) {
      throw TemplateException.evaluation(
          "truncate: length "
              + length
              + ", leeway "
              + leeway
              + " (expected: length >= "
              + suffix
              + ", leeway >= 0)");
    }
    int size = Values.size(run, value);
    if (size <= (long) length + leeway) {
      return value;
    }
    String text = Text.of(run, value);
    String kept = text.substring(0, text.offsetByCodePoints(0, length - suffix));
    int blank = kept.lastIndexOf(' ');
    return (args.truth(1) || blank < 0 ? kept : kept.substring(0, blank)) + end;
  }

  private static Object words(Run run, String text) {
    run.text(text.length());
    long words = 0;
    boolean within = false;
    for (int c : text.codePoints().toArray()) {
      boolean letter = c == '_' || Chars.isAlnum(c);
      words += letter && !within ? 1 : 0;
      within = letter;
    }
    return words;
  }

  private static Object withoutTags(Run run, Object value) {
    String text = Text.str(run, value);
    run.text(text.length());
    StringBuilder out = new StringBuilder();
    int from = 0;
    while (from < text.length()) {
      int begin = text.indexOf('<', from);
      boolean comment = begin >= 0 && text.startsWith("<!--", begin);
      int end = begin < 0 ? -1 : text.indexOf(comment ? "-->" : ">", begin);
      out.append(text, from, end < 0 ? text.length() : begin);
      from = end < 0 ? text.length() : end + (comment ? 3 : 1);
    }
    return String.join(" ", out.toString().strip().split("\\s+"))
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
  }

  private static Object urlEncoded(Run run, Object value, Bound args) {
    if (Comparison.string(value) != null || !Values.isIterable(run, value)) {
      return url(run, value).replace("%2F", "/");
    }
    List<Object> pairs = value instanceof Dict dict ? dict.items() : Values.list(run, value);
    List<String> parts = new ArrayList<>();
    for (Object pair : pairs) {
      List<Object> both = Values.list(run, pair);
      if (both.size() != 2) {
        throw TemplateException.evaluation("urlencode: an item that is no pair");
      }
      parts.add(
          url(run, both.getFirst()).replace("%20", "+")
              + "="
              + url(run, both.getLast()).replace("%20", "+"));
    }
    return String.join("&", parts);
  }

  private static String url(Run run, Object value) {
    String text = Text.str(run, value);
    run.text(3L * text.length());
    return URLEncoder.encode(text, StandardCharsets.UTF_8)
        .replace("+", "%20")
        .replace("*", "%2A")
        .replace("%7E", "~");
  }

  private static Object attributes(Run run, Object value, Bound args) {
    if (!(value instanceof Dict dict)) {
      throw TemplateException.evaluation("xmlattr: " + Values.type(value) + " (expected: a dict)");
    }
    StringBuilder out = new StringBuilder();
    for (Object item : dict.items()) {
      List<Object> pair = ((Tuple) item).items();
      if (pair.getLast() == None.NONE || pair.getLast() instanceof Undefined) {
        continue;
      }
      String name = Text.of(run, pair.getFirst());
      if (name.chars().anyMatch(c -> Character.isWhitespace(c) || "/>=".indexOf(c) >= 0)) {
        throw TemplateException.evaluation("Invalid character in attribute name: '" + name + "'");
      }
      String escaped = Markup.escaped(run, pair.getLast());
      run.text((long) name.length() + escaped.length());
      out.append(out.isEmpty() && !Values.truth(args.get(0, true)) ? "" : " ");
      out.append(Markup.escaped(run, name)).append("=\"").append(escaped).append('"');
    }
    return out.toString();
  }

  private static Object join(Run run, Object value, Bound args) {
    Object path = args.get(1, None.NONE);
    List<Object> texts = new ArrayList<>();
    for (Object item : Values.list(run, value)) {
      texts.add(Text.str(run, Lookup.path(run, item, path)));
    }
    return TextMethods.join(run, Text.str(run, args.get(0, "")), texts);
  }

  private static Object format(Run run, Object value, Args args) {
    if (!args.positional().isEmpty() && !args.named().isEmpty()) {
      throw TemplateException.evaluation(
          "can't handle positional and keyword arguments at the same time");
    }
    Object values = args.named().isEmpty() ? new Tuple(args.positional()) : Dict.of(args.named());
    return PercentFormat.format(run, Text.str(run, value), values);
  }

  /// The text of a value that is a text, in small letters where the case does not count.
  static Object caseless(Object value, boolean sensitive) {
    @Nullable String text = sensitive ? null : Comparison.string(value);
    return text == null ? value : text.toLowerCase(Locale.ROOT);
  }
}
