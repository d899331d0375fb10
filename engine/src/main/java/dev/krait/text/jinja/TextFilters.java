package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Filters that make texts.
final class TextFilters {
  static final Set<String> NAMES =
      Set.of(
          "capitalize",
          "center",
          "e",
          "escape",
          "format",
          "indent",
          "join",
          "lower",
          "replace",
          "title",
          "trim",
          "truncate",
          "upper",
          "wordcount");

  private final Budget budget;

  TextFilters(Budget budget) {
    this.budget = budget;
  }

  Object apply(String name, Object input, CallArguments arguments) {
    if (name.equals("join")) {
      return join(input, arguments);
    }
    String text = new Printer(budget).text(input);
    budget.text(text.length());
    return switch (name) {
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "capitalize" -> TextMethods.capitalize(text);
      case "title" -> title(text);
      case "trim" -> {
        Object characters = arguments.get(0, "chars", None.NONE);
        yield TextMethods.strip(text, characters, true, true, budget);
      }
      case "replace" ->
          TextMethods.replace(
              text,
              new Printer(budget).text(arguments.get(0, "old")),
              new Printer(budget).text(arguments.get(1, "new")),
              arguments.get(2, "count", None.NONE),
              budget);
      case "escape", "e" -> escape(text);
      case "indent" -> indent(text, arguments);
      case "center" -> TextMethods.center(text, arguments.integer(0, "width", 80), " ", budget);
      case "truncate" -> truncate(text, arguments);
      case "format" ->
          new PercentFormat(budget)
              .format(text, new Tuple(new ArrayList<>(arguments.positional())));
      case "wordcount" -> (long) TextSplitter.words(text, budget).size();
      default -> throw TemplateException.syntax("no filter named '" + name + "'");
    };
  }

  private String join(Object input, CallArguments arguments) {
    Printer printer = new Printer(budget);
    String separator = printer.text(arguments.get(0, "d", ""));
    Object attribute = arguments.get(1, "attribute", None.NONE);
    StringBuilder joined = new StringBuilder();
    boolean first = true;
    for (Object item : Values.items(input, budget)) {
      Object value = attribute == None.NONE ? item : Attributes.path(item, attribute, budget);
      String text = printer.text(value);
      budget.text((long) separator.length() + text.length());
      joined.append(first ? "" : separator).append(text);
      first = false;
    }
    return joined.toString();
  }

  /// Jinja's own title: a capital after every run of separators.
  private static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean start = true;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      title.append(start ? Character.toUpperCase(c) : Character.toLowerCase(c));
      start = Character.isWhitespace(c) || "-({[<".indexOf(c) >= 0;
    }
    return title.toString();
  }

  private String escape(String text) {
    budget.text(6L * text.length());
    StringBuilder escaped = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&#34;");
        case '\'' -> escaped.append("&#39;");
        default -> escaped.append(c);
      }
    }
    return escaped.toString();
  }

  private String indent(String text, CallArguments arguments) {
    Object width = arguments.get(0, "width", 4L);
    String margin =
        width instanceof String given
            ? given
            : TextMethods.repeat(" ", Values.integer(width, "indent"), budget);
    boolean first = arguments.flag(1, "first", false);
    boolean blank = arguments.flag(2, "blank", false);
    List<String> lines = TextSplitter.lines(text + "\n", false, budget);
    budget.text(text.length() + (long) margin.length() * lines.size());
    StringBuilder indented = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      boolean shift = i == 0 ? first : blank || !line.isEmpty();
      indented.append(i == 0 ? "" : "\n").append(shift ? margin : "").append(line);
    }
    return indented.toString();
  }

  private static String truncate(String text, CallArguments arguments) {
    int length = Math.max(0, arguments.integer(0, "length", 255));
    boolean killWords = arguments.flag(1, "killwords", false);
    String end = arguments.text(2, "end", "...");
    int leeway = arguments.integer(3, "leeway", 5);
    if (text.length() <= (long) length + leeway) {
      return text;
    }
    String cut = text.substring(0, Math.max(0, length - end.length()));
    int space = cut.lastIndexOf(' ');
    return (killWords || space < 0 ? cut : cut.substring(0, space)) + end;
  }
}
