package dev.krait.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The filters of a template, which replace those of Jinjava: its own print a null as `null`, turn
/// defaults into texts and know no bounds. Those on lists are [ListFilters].
final class Filters {
  private static final Pattern TITLE = Pattern.compile("([-\\s({\\[<]*)([^-\\s({\\[<]*)");
  private static final Pattern DECIMAL =
      Pattern.compile("[-+]?(\\d++\\.?\\d*+|\\.\\d++)([eE][-+]?\\d{1,4})?");

  private static final Map<String, Filter> TEXT =
      Map.ofEntries(
          filter("tojson", 4, "ensure_ascii indent separators sort_keys", Filters::json),
          filter("trim", 1, "", (value, args) -> method(value, "strip", args)),
          filter("upper", 0, "", (value, args) -> method(value, "upper", args)),
          filter("lower", 0, "", (value, args) -> method(value, "lower", args)),
          filter("capitalize", 0, "", (value, args) -> method(value, "capitalize", args)),
          filter("replace", 3, "", (value, args) -> method(value, "replace", args)),
          filter("title", 0, "", (value, args) -> title(PythonText.print(value))),
          filter("string", 0, "", (value, args) -> PythonText.print(value)),
          filter("safe", 0, "", (value, args) -> PythonText.print(value)),
          filter("indent", 3, "width first blank", Filters::indent),
          filter("truncate", 4, "length killwords end leeway", Filters::truncate),
          Map.entry("format", new Filter(Integer.MAX_VALUE, null, Filters::format)),
          filter("default", 2, "default_value boolean", Filters::otherwise),
          filter("d", 2, "default_value boolean", Filters::otherwise),
          filter("int", 1, "default", Filters::integer),
          filter("float", 1, "default", Filters::decimal),
          filter("round", 2, "precision method", Filters::round),
          filter("abs", 0, "", (value, args) -> absolute(value)));

  private Filters() {}

  @FunctionalInterface
  interface Body {
    @Nullable Object apply(@Nullable Object value, Args args);
  }

  /// What a filter does and which arguments it takes; any names where those are null.
  record Filter(int positions, @Nullable Set<String> names, Body body) {}

  static Map.Entry<String, Filter> filter(String name, int positions, String names, Body body) {
    return Map.entry(name, new Filter(positions, Set.of(names.split(" ")), body));
  }

  static boolean has(String name) {
    return TEXT.containsKey(name) || ListFilters.ALL.containsKey(name);
  }

  static @Nullable Object apply(String name, @Nullable Object value, Args args) {
    Budget.current().work(1);
    Filter filter = TEXT.containsKey(name) ? TEXT.get(name) : ListFilters.ALL.get(name);
    if (filter == null) {
      throw TemplateException.evaluation("filter " + name + " is not known here");
    }
    Set<String> names = filter.names();
    return filter
        .body()
        .apply(value, names == null ? args : args.expect(name, filter.positions(), names));
  }

  private static Object method(@Nullable Object value, String name, Args args) {
    return TextMethods.call(PythonText.print(value), name, args);
  }

  private static Object json(@Nullable Object value, Args args) {
    Object indent = args.has(1, "indent") ? args.get(1, "indent") : None.NONE;
    Object separators = args.has(2, "separators") ? args.get(2, "separators") : None.NONE;
    String comma = indent == None.NONE ? ", " : ",";
    String colon = ": ";
    if (separators != None.NONE) {
      List<@Nullable Object> pair = Tags.unpack(List.of("item", "key"), separators);
      comma = Values.text(pair.get(0));
      colon = Values.text(pair.get(1));
      Budget.current().text(comma.length() + colon.length());
    }
    return PythonText.json(
        value,
        new PythonText.Json(
            indent == None.NONE ? null : blanks(indent),
            comma,
            colon,
            args.truth(0, "ensure_ascii"),
            args.truth(3, "sort_keys")));
  }

  /// An indent given as a text or a number of blanks.
  private static String blanks(@Nullable Object indent) {
    if (indent instanceof String text) {
      return text;
    }
    long width = Math.max(0, Values.integer(indent));
    Budget.current().text(width);
    return " ".repeat((int) width);
  }

  private static @Nullable Object otherwise(@Nullable Object value, Args args) {
    boolean use = args.truth(1, "boolean") ? !Values.truth(value) : value == null;
    return !use ? value : args.has(0, "default_value") ? args.get(0, "default_value") : "";
  }

  private static Object indent(@Nullable Object value, Args args) {
    String blanks = blanks(args.has(0, "width") ? args.get(0, "width") : (Long) 4L);
    boolean empty = args.truth(2, "blank");
    String text = Values.text(value);
    Budget.current().text(text.length());
    List<@Nullable Object> lines = new ArrayList<>(Stream.of(text.split("\n", -1)).toList());
    for (int i = args.truth(1, "first") ? 0 : 1; i < lines.size(); i++) {
      String line = Values.text(lines.get(i));
      Budget.current().text(blanks.length());
      lines.set(i, empty || i == 0 || !line.isEmpty() ? blanks + line : line);
    }
    return TextMethods.join("\n", lines);
  }

  private static Object truncate(@Nullable Object value, Args args) {
    String text = value == null ? "" : Values.text(value);
    long length = args.integer(0, "length", 255);
    String end = args.text(2, "end", "...");
    long leeway = args.integer(3, "leeway", 5);
    if (length < end.length() || leeway < 0) {
      throw TemplateException.evaluation("truncate: length " + length + ", leeway " + leeway);
    }
    if (Values.size(text) <= length + leeway) {
      return text;
    }
    String kept = String.valueOf(Values.slice(text, 0L, length - Values.size(end), None.NONE));
    int blank = kept.lastIndexOf(' ');
    boolean whole = !args.truth(1, "killwords") && blank >= 0;
    return Operators.concat(whole ? kept.substring(0, blank) : kept, end);
  }

  private static String title(String text) {
    Budget.current().text(text.length());
    StringBuilder out = new StringBuilder();
    Matcher word = TITLE.matcher(text);
    while (word.find()) {
      out.append(word.group(1)).append(TextMethods.capitalize(word.group(2)));
    }
    return out.toString();
  }

  private static Object format(@Nullable Object value, Args args) {
    if (!args.positional().isEmpty() && !args.named().isEmpty()) {
      throw TemplateException.evaluation("format takes arguments by position or by name");
    }
    Object values = args.named().isEmpty() ? new Tuple(args.positional()) : args.named();
    return PythonFormat.percent(PythonText.print(value), values);
  }

  private static @Nullable Object integer(@Nullable Object value, Args args) {
    if (value instanceof Boolean truth) {
      return truth ? 1L : 0L;
    }
    if (Values.isInteger(value)) {
      return value;
    }
    String text = value instanceof String given ? given.strip() : "";
    if (text.matches("[-+]?\\d{1,1000}")) {
      return Values.of(new BigInteger(text));
    }
    if (value instanceof Number || DECIMAL.matcher(text).matches()) {
      double number = value instanceof Number ? Values.number(value) : Double.parseDouble(text);
      if (Math.abs(number) >= 1L << 53) {
        throw TemplateException.evaluation("an int above 53 bits");
      }
      return (long) number;
    }
    return args.has(0, "default") ? args.get(0, "default") : (Long) 0L;
  }

  private static @Nullable Object decimal(@Nullable Object value, Args args) {
    if (Values.isNumeric(value)) {
      return Values.number(value);
    }
    return value instanceof String text && DECIMAL.matcher(text.strip()).matches()
        ? (Object) Double.parseDouble(text.strip())
        : args.has(0, "default") ? args.get(0, "default") : (Double) 0.0;
  }

  private static @Nullable Object round(@Nullable Object value, Args args) {
    long precision = args.integer(0, "precision", 0);
    if (precision < 0 || precision > 15) {
      throw TemplateException.evaluation("round: precision " + precision + " (expected: 0 to 15)");
    }
    Values.numbers("round", value, precision);
    double number = Values.number(value);
    double power = Math.pow(10.0, (double) precision);
    return switch (args.text(1, "method", "common")) {
      case "ceil" -> Math.ceil(number * power) / power;
      case "floor" -> Math.floor(number * power) / power;
      case "common" -> {
        if (Values.isInteger(value)) {
          yield value;
        }
        yield new BigDecimal(number)
            .setScale((int) precision, RoundingMode.HALF_EVEN)
            .doubleValue();
      }
      default ->
          throw TemplateException.evaluation("round: method (expected: common, ceil, floor)");
    };
  }

  private static Object absolute(@Nullable Object value) {
    Values.numbers("abs", value, 0L);
    return Values.isInteger(value)
        ? (Object) Math.absExact(Values.integer(value))
        : (Object) Math.abs(Values.number(value));
  }
}
