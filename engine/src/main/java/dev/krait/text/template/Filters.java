package dev.krait.text.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.Filter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The filters of a template, which replace those of Jinjava: its own print a null as `null`, turn
/// defaults into texts and know no bounds.
final class Filters {
  private static final Map<String, Body> BODIES =
      Map.ofEntries(
          Map.entry("tojson", (value, args) -> PythonText.json(value, args.indent())),
          Map.entry("trim", (value, args) -> method(value, "strip", args)),
          Map.entry("upper", (value, args) -> method(value, "upper", args)),
          Map.entry("lower", (value, args) -> method(value, "lower", args)),
          Map.entry("title", (value, args) -> method(value, "title", args)),
          Map.entry("capitalize", (value, args) -> method(value, "capitalize", args)),
          Map.entry("replace", (value, args) -> method(value, "replace", args)),
          Map.entry("string", (value, args) -> PythonText.print(value)),
          Map.entry("safe", (value, args) -> PythonText.print(value)),
          Map.entry("indent", (value, args) -> indent(PythonText.print(value), args)),
          Map.entry("length", (value, args) -> Values.size(value)),
          Map.entry("count", (value, args) -> Values.size(value)),
          Map.entry("list", (value, args) -> Values.items(value)),
          Map.entry("first", (value, args) -> Values.attribute(Values.items(value), "0")),
          Map.entry("last", (value, args) -> Values.attribute(Values.items(value), "-1")),
          Map.entry("reverse", (value, args) -> Methods.reversed(value)),
          Map.entry("items", (value, args) -> Methods.call(value, "items", List.of())),
          Map.entry("dictsort", (value, args) -> Methods.sortedItems(value)),
          Map.entry("join", Filters::join),
          Map.entry("default", Filters::otherwise),
          Map.entry("d", Filters::otherwise),
          Map.entry("map", Filters::map),
          Map.entry("select", (value, args) -> select(value, args, 0, true)),
          Map.entry("reject", (value, args) -> select(value, args, 0, false)),
          Map.entry("selectattr", (value, args) -> select(value, args, 1, true)),
          Map.entry("rejectattr", (value, args) -> select(value, args, 1, false)),
          Map.entry("sort", Filters::sort),
          Map.entry("unique", (value, args) -> unique(Values.items(value))),
          Map.entry("min", (value, args) -> Values.attribute(sort(value, args), "0")),
          Map.entry("max", (value, args) -> Values.attribute(sort(value, args), "-1")),
          Map.entry("sum", (value, args) -> Operators.sum(Values.items(value))),
          Map.entry("int", Filters::integer),
          Map.entry("float", (value, args) -> Double.valueOf(PythonText.print(value).strip())),
          Map.entry("abs", (value, args) -> absolute(value)));

  private Filters() {}

  @FunctionalInterface
  private interface Body {
    @Nullable Object apply(@Nullable Object value, Args args);
  }

  /// The arguments of a call, by position and by name.
  private record Args(List<@Nullable Object> positional, Map<String, Object> named) {
    @Nullable Object get(int position, String name) {
      return position < positional.size() ? positional.get(position) : named.get(name);
    }

    int indent() {
      named.forEach((name, value) -> {
        if (!name.equals("indent") && !(name.equals("ensure_ascii") && !Values.truth(value))) {
          throw TemplateException.evaluation("tojson knows no " + name + " here");
        }
      });
      Object indent = get(0, "indent");
      return indent == null || indent == None.NONE
          ? -1
          : Math.clamp(Values.integer(indent), 0, Budget.VALUE_DEPTH);
    }
  }

  static boolean has(String name) {
    return BODIES.containsKey(name);
  }

  static List<Filter> all() {
    List<Filter> filters = new ArrayList<>();
    BODIES.forEach((name, body) -> filters.add(new Named(name, body)));
    return filters;
  }

  private static @Nullable Object apply(
      String name, @Nullable Object value, List<@Nullable Object> args, Map<String, Object> named) {
    Budget.current().work(1);
    Body body = BODIES.get(name);
    if (body == null) {
      throw TemplateException.evaluation("filter " + name + " is not known here");
    }
    return body.apply(value, new Args(args, named));
  }

  private static Object method(@Nullable Object value, String name, Args args) {
    return TextMethods.call(PythonText.print(value), name, args.positional());
  }

  private static Object join(@Nullable Object value, Args args) {
    Object attribute = args.get(1, "attribute");
    List<@Nullable Object> items = Values.items(value);
    if (attribute != null) {
      items.replaceAll(item -> Values.attribute(item, Values.text(attribute)));
    }
    return TextMethods.join(PythonText.print(args.get(0, "d")), items);
  }

  private static @Nullable Object otherwise(@Nullable Object value, Args args) {
    boolean use = Values.truth(args.get(1, "boolean")) ? !Values.truth(value) : value == null;
    return use ? Objects.requireNonNullElse(args.get(0, "default_value"), "") : value;
  }

  private static Object indent(String text, Args args) {
    Object given = args.get(0, "width");
    long width = Math.clamp(given == null ? 4 : Values.integer(given), 0, Budget.TEXT_CHARS);
    Budget.current().text(width);
    String blanks = " ".repeat((int) width);
    boolean first = Values.truth(args.get(1, "first"));
    boolean empty = Values.truth(args.get(2, "blank"));
    List<@Nullable Object> lines = new ArrayList<>(Stream.of(text.split("\n", -1)).toList());
    for (int i = first ? 0 : 1; i < lines.size(); i++) {
      String line = Values.text(lines.get(i));
      Budget.current().text(width);
      lines.set(i, empty || !line.isEmpty() ? blanks + line : line);
    }
    return TextMethods.join("\n", lines);
  }

  private static Object map(@Nullable Object value, Args args) {
    List<@Nullable Object> items = Values.items(value);
    if (args.positional().isEmpty()) {
      String attribute = Values.text(args.named().get("attribute"));
      items.replaceAll(item -> {
        Object found = Values.attribute(item, attribute);
        return found == null ? args.named().get("default") : found;
      });
      return items;
    }
    String name = Values.text(args.positional().getFirst());
    List<@Nullable Object> rest = args.positional().subList(1, args.positional().size());
    items.replaceAll(item -> apply(name, item, rest, args.named()));
    return items;
  }

  /// Keeps or drops the items that pass a test, on one attribute of theirs when that comes first.
  private static Object select(@Nullable Object value, Args args, int tested, boolean keep) {
    List<@Nullable Object> given = args.positional();
    List<@Nullable Object> items = Values.items(value);
    items.removeIf(item -> {
      Object subject = tested == 0 ? item : Values.attribute(item, Values.text(given.getFirst()));
      boolean passes =
          given.size() <= tested
              ? Values.truth(subject)
              : Tests.passes(
                  Values.text(given.get(tested)), subject, given.subList(tested + 1, given.size()));
      return passes != keep;
    });
    return items;
  }

  private static Object sort(@Nullable Object value, Args args) {
    List<@Nullable Object> items = Values.items(value);
    Object attribute = args.get(2, "attribute");
    boolean exact = Values.truth(args.get(1, "case_sensitive"));
    Comparator<@Nullable Object> order =
        (a, b) -> Values.compare(key(a, attribute, exact), key(b, attribute, exact));
    items.sort(Values.truth(args.get(0, "reverse")) ? order.reversed() : order);
    return items;
  }

  private static @Nullable Object key(
      @Nullable Object item, @Nullable Object attribute, boolean exact) {
    Budget.current().work(1);
    Object key = attribute == null ? item : Values.attribute(item, Values.text(attribute));
    return key instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : key;
  }

  private static Object unique(List<@Nullable Object> items) {
    List<@Nullable Object> kept = new ArrayList<>();
    for (Object item : items) {
      if (!Values.contains(kept, item)) {
        kept.add(item);
      }
    }
    return kept;
  }

  private static Object integer(@Nullable Object value, Args args) {
    if (value instanceof Number number) {
      return number.longValue();
    }
    String text = PythonText.print(value).strip();
    Object otherwise = args.get(0, "default");
    return text.matches("[-+]?\\d{1,18}")
        ? Long.parseLong(text)
        : otherwise == null ? 0L : otherwise;
  }

  private static Object absolute(@Nullable Object value) {
    return Values.isInteger(value)
        ? (Object) Math.abs(Values.integer(value))
        : (Object) Math.abs(Values.number(value));
  }

  private record Named(String name, Body body) implements Filter {
    @Override
    public String getName() {
      return name;
    }

    @Override
    public @Nullable Object filter(
        @Nullable Object value,
        JinjavaInterpreter interpreter,
        Object[] args,
        Map<String, Object> named) {
      return apply(name, value, Methods.list(args), named);
    }

    @Override
    public @Nullable Object filter(
        @Nullable Object value, JinjavaInterpreter interpreter, String... args) {
      return apply(name, value, Methods.list(args), Map.of());
    }
  }
}
