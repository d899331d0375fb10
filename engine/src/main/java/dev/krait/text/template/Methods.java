package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.NamedParameter;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.objects.Namespace;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import java.beans.FeatureDescriptor;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import org.jspecify.annotations.Nullable;

/// Everything that a template can reach on a value or call by name: a closed list, without
/// reflection, so that no method of a Java object is ever in reach.
final class Methods extends ELResolver {
  private static final Set<String> FUNCTIONS =
      Set.of("raise_exception", "strftime_now", "namespace", "range", "dict");

  /// A list that may hold nulls.
  static List<@Nullable Object> list(@Nullable Object[] values) {
    List<@Nullable Object> list = new ArrayList<>(values.length);
    Collections.addAll(list, values);
    return list;
  }

  static boolean isFunction(String name) {
    return FUNCTIONS.contains(name);
  }

  static Object function(String name, List<@Nullable Object> args) {
    Budget.current().work(1);
    return switch (name) {
      case "raise_exception" ->
          throw new TemplateException(
              TemplateException.Reason.RAISED, PythonText.print(args.getFirst()));
      case "strftime_now" -> date(Values.text(args.getFirst()));
      case "namespace" -> new Namespace(named(args));
      case "dict" -> named(args);
      default -> range(args);
    };
  }

  private static String date(String format) {
    if (format.length() > Budget.DATE_FORMAT_CHARS) {
      throw TemplateException.limit("date format", format.length(), Budget.DATE_FORMAT_CHARS);
    }
    ZonedDateTime now = ZonedDateTime.now(PromptInterpreter.current().clock());
    return StrftimeFormatter.format(now, format, Locale.US);
  }

  private static Map<String, @Nullable Object> named(List<@Nullable Object> args) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (Object arg : args) {
      switch (arg) {
        case NamedParameter named -> values.put(named.getName(), named.getValue());
        case Map<?, ?> map -> map.forEach((key, value) -> values.put(String.valueOf(key), value));
        case null, default ->
            throw TemplateException.evaluation("cannot make a dict of " + Values.type(arg));
      }
    }
    return values;
  }

  private static List<Object> range(List<@Nullable Object> args) {
    long start = args.size() > 1 ? Values.integer(args.getFirst()) : 0;
    long end = Values.integer(args.get(args.size() > 1 ? 1 : 0));
    long step = args.size() > 2 ? Values.integer(args.get(2)) : 1;
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

  static Object reversed(@Nullable Object value) {
    if (value instanceof String text) {
      return TextMethods.call(text, ExpressionText.REVERSED, List.of());
    }
    List<@Nullable Object> items = Values.items(value);
    Collections.reverse(items);
    return items;
  }

  static Object sortedItems(@Nullable Object value) {
    List<@Nullable Object> items = Values.items(call(value, "items", List.of()));
    items.sort(
        Comparator.comparing(
            (@Nullable Object item) -> String.valueOf(Values.attribute(item, "0")),
            String.CASE_INSENSITIVE_ORDER));
    return items;
  }

  /// Calls a method of a value.
  static @Nullable Object call(@Nullable Object base, String method, List<@Nullable Object> args) {
    Budget.current().work(1);
    if (args.stream().anyMatch(NamedParameter.class::isInstance)) {
      throw TemplateException.evaluation(method + " takes no arguments by name here");
    }
    return switch (base) {
      case String text -> TextMethods.call(text, method, args);
      case Map<?, ?> map -> onDict(map, method, args);
      case List<?> list -> onList(list, method, args);
      case Loop loop when method.equals("cycle") -> loop.cycle(args);
      case null, default -> throw unknown(base, method);
    };
  }

  private static @Nullable Object onDict(
      Map<?, ?> map, String method, List<@Nullable Object> args) {
    return switch (method) {
      case "get" -> {
        Object found = map.get(Values.text(args.getFirst()));
        yield found != null ? found : args.size() > 1 ? args.get(1) : None.NONE;
      }
      case "keys" -> Values.items(map);
      case "values" -> Values.items(map.values());
      case "items" -> {
        Budget.current().work(2L * map.size());
        List<Object> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(new Tuple(Arrays.asList(key, value))));
        yield items;
      }
      default -> throw unknown(map, method);
    };
  }

  private static @Nullable Object onList(List<?> list, String method, List<@Nullable Object> args) {
    return switch (method) {
      case "count" -> list.stream().filter(item -> Values.equal(item, args.getFirst())).count();
      case ExpressionText.REVERSED -> reversed(list);
      default -> throw unknown(list, method);
    };
  }

  private static TemplateException unknown(@Nullable Object base, String method) {
    return TemplateException.evaluation(
        "a " + Values.type(base) + " has no method " + method + " here");
  }

  @Override
  public @Nullable Object getValue(
      ELContext context, @Nullable Object base, @Nullable Object name) {
    Budget.current().work(1);
    context.setPropertyResolved(true);
    return Values.attribute(base, String.valueOf(name));
  }

  @Override
  public @Nullable Object invoke(
      ELContext context,
      @Nullable Object base,
      Object method,
      Class<?> @Nullable [] types,
      Object[] args) {
    context.setPropertyResolved(true);
    try {
      return switch (base) {
        case Filter filter -> filter(filter, args);
        case ExpTest test -> {
          boolean passes =
              test.evaluate(
                  args[0], (JinjavaInterpreter) args[1], Arrays.copyOfRange(args, 2, args.length));
          yield passes == method.equals("evaluate");
        }
        case null, default -> call(base, String.valueOf(method), list(args));
      };
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      // Jinjava would take the first for a method that is not there and print nothing.
      throw TemplateException.evaluation(method + ": " + e.getMessage());
    }
  }

  @SuppressWarnings("unchecked")
  private static @Nullable Object filter(Filter filter, Object[] args) {
    return filter.filter(
        args[0], (JinjavaInterpreter) args[1], (Object[]) args[2], (Map<String, Object>) args[3]);
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, @Nullable Object base) {
    return Object.class;
  }

  @Override
  public Class<?> getType(ELContext context, @Nullable Object base, @Nullable Object name) {
    return Object.class;
  }

  @Override
  public boolean isReadOnly(ELContext context, @Nullable Object base, @Nullable Object name) {
    return true;
  }

  @Override
  public void setValue(
      ELContext context, @Nullable Object base, @Nullable Object name, @Nullable Object value) {
    throw TemplateException.evaluation("values have no setters");
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(
      ELContext context, @Nullable Object base) {
    return Collections.emptyIterator();
  }
}
