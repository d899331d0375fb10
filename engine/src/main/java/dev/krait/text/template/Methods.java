package dev.krait.text.template;

import com.hubspot.jinjava.objects.Namespace;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Everything that a template can call on a value or by name: a closed list, without reflection, so
/// that no method of a Java object is ever in reach.
final class Methods {
  /// The functions, which a template may hide behind variables of its own.
  static final Map<String, Invocable> FUNCTIONS =
      Set.of("raise_exception", "strftime_now", "namespace", "range", "dict").stream()
          .collect(Collectors.toMap(Function.identity(), name -> args -> function(name, args)));

  private static final Set<String> OF_DICT = Set.of("get", "keys", "values", "items");

  /// The dates that Jinjava and Python print alike.
  private static final Pattern DATE =
      Pattern.compile("([^%]|%[aAbBdfHIjmMpSyY%]|%-[dHIjmMS])*+", Pattern.DOTALL);

  private static final int DATE_STEPS = 64;

  private Methods() {}

  private static Object function(String name, Args args) {
    Budget.current().work(1);
    return switch (name) {
      case "raise_exception" ->
          throw new TemplateException(
              TemplateException.Reason.RAISED, PythonText.print(args.first(name)));
      case "strftime_now" -> date(Values.text(args.first(name)));
      case "namespace" -> new Namespace(dict(args));
      case "dict" -> dict(args);
      default -> range(args.expect(name, 3, Set.of()));
    };
  }

  private static String date(String format) {
    if (format.length() > Budget.DATE_FORMAT_CHARS) {
      throw TemplateException.limit("date format", format.length(), Budget.DATE_FORMAT_CHARS);
    }
    Budget.current().work((long) DATE_STEPS * format.length());
    if (!DATE.matcher(format).matches()) {
      throw TemplateException.evaluation("the date format " + format + " is not known here");
    }
    ZonedDateTime now = ZonedDateTime.now(PromptInterpreter.current().clock());
    return StrftimeFormatter.format(now, format, Locale.US);
  }

  private static Map<String, @Nullable Object> dict(Args args) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (Object arg : args.positional()) {
      if (!(arg instanceof Map<?, ?> map)) {
        throw TemplateException.evaluation("cannot make a dict of " + Values.type(arg));
      }
      Budget.current().work(map.size());
      map.forEach((key, value) -> values.put(Values.text(key), value));
    }
    values.putAll(args.named());
    return values;
  }

  private static List<Object> range(Args args) {
    List<@Nullable Object> bounds = args.positional();
    long start = bounds.size() > 1 ? Values.integer(bounds.getFirst()) : 0;
    long end = Values.integer(bounds.size() > 1 ? bounds.get(1) : args.first("range"));
    long step = bounds.size() > 2 ? Values.integer(bounds.get(2)) : 1;
    if (step == 0) {
      throw TemplateException.evaluation("range: step 0");
    }
    long span = Math.subtractExact(end, start);
    long items = span == 0 || span > 0 != step > 0 ? 0 : (Math.abs(span) - 1) / Math.abs(step) + 1;
    if (items > Budget.RANGE_ITEMS) {
      throw TemplateException.limit("range items", items, Budget.RANGE_ITEMS);
    }
    Budget.current().work(items);
    List<Object> range = new ArrayList<>();
    for (long i = 0; i < items; i++) {
      range.add(start + i * step);
    }
    return range;
  }

  /// A method as a value, null where there is none of that name.
  static @Nullable Invocable bound(Object base, String name) {
    boolean known =
        switch (base) {
          case Namespace _ -> false;
          case Map<?, ?> _ -> OF_DICT.contains(name);
          case List<?> _ -> name.equals("count");
          case String _ -> TextMethods.has(name);
          default -> false;
        };
    return known ? args -> call(base, name, args) : null;
  }

  /// Calls a method of a value, or a function that it holds.
  static @Nullable Object call(Object base, String name, Args args) {
    Budget.current().work(1);
    return switch (base) {
      case Loop loop -> loop.method(name, args);
      case String text when name.equals("format") -> PythonFormat.format(text, args);
      case String text when TextMethods.has(name) ->
          TextMethods.call(text, name, args.expect(name, TextMethods.arity(name), Set.of()));
      case Map<?, ?> map when map.get(name) instanceof Invocable held -> held.call(args);
      case Map<?, ?> map when OF_DICT.contains(name) -> onDict(map, name, args);
      case List<?> list when name.equals("count") ->
          list.stream().filter(item -> Values.equal(item, args.first(name))).count();
      default ->
          throw TemplateException.evaluation(
              "a " + Values.type(base) + " has no method " + name + " here");
    };
  }

  private static @Nullable Object onDict(Map<?, ?> map, String name, Args given) {
    Args args = given.expect(name, name.equals("get") ? 2 : 0, Set.of());
    Budget.current().work(map.size());
    return switch (name) {
      case "get" -> {
        Object key = args.first(name);
        boolean there = Values.isKey(key) && map.containsKey(Values.key(key));
        yield there ? map.get(Values.key(key)) : args.has(1, "") ? args.get(1, "") : None.NONE;
      }
      case "keys" -> Values.items(map);
      case "values" -> Values.items(map.values());
      default -> {
        Budget.current().work(map.size());
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(new Tuple(Arrays.asList(key, value))));
        yield items;
      }
    };
  }
}
