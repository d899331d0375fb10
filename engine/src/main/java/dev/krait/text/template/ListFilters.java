package dev.krait.text.template;

import static dev.krait.text.template.Filters.filter;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The filters on lists and dicts.
final class ListFilters {
  static final Map<String, Filters.Filter> ALL =
      Map.ofEntries(
          filter("length", 0, "", (value, args) -> Values.size(value)),
          filter("count", 0, "", (value, args) -> Values.size(value)),
          filter("list", 0, "", (value, args) -> Values.items(value)),
          filter("first", 0, "", (value, args) -> Values.element(Values.items(value), 0L)),
          filter("last", 0, "", (value, args) -> Values.element(Values.items(value), -1L)),
          filter("reverse", 0, "", (value, args) -> reversed(value)),
          filter("items", 0, "", (value, args) -> items(value)),
          filter("dictsort", 3, "case_sensitive by reverse", ListFilters::sortedItems),
          filter("join", 2, "d attribute", ListFilters::join),
          Map.entry("map", new Filters.Filter(0, null, ListFilters::map)),
          Map.entry("select", selection(0, true)),
          Map.entry("reject", selection(0, false)),
          Map.entry("selectattr", selection(1, true)),
          Map.entry("rejectattr", selection(1, false)),
          filter("sort", 3, "reverse case_sensitive attribute", ListFilters::sort),
          filter("unique", 2, "case_sensitive attribute", ListFilters::unique),
          filter("groupby", 3, "attribute default case_sensitive", ListFilters::group),
          filter("batch", 2, "linecount fill_with", ListFilters::batch),
          filter("slice", 2, "slices fill_with", ListFilters::slice),
          filter(
              "min", 2, "case_sensitive attribute", (value, args) -> extreme(value, args, false)),
          filter("max", 2, "case_sensitive attribute", (value, args) -> extreme(value, args, true)),
          filter("sum", 2, "attribute start", ListFilters::sum));

  private ListFilters() {}

  private static Filters.Filter selection(int tested, boolean keep) {
    return new Filters.Filter(0, null, (value, args) -> select(value, args, tested, keep));
  }

  private static Object reversed(@Nullable Object value) {
    List<@Nullable Object> items = Values.items(value);
    Collections.reverse(items);
    return value instanceof String ? TextMethods.join("", items) : items;
  }

  private static @Nullable Object items(@Nullable Object value) {
    return value == null ? new ArrayList<>() : Methods.call(value, "items", Args.NONE);
  }

  private static Object join(@Nullable Object value, Args args) {
    List<@Nullable Object> items = Values.items(value);
    items.replaceAll(attribute(args, 1)::apply);
    return TextMethods.join(PythonText.print(args.get(0, "d")), items);
  }

  /// What the argument `attribute` takes from an item; all of it without one.
  private static Function<@Nullable Object, @Nullable Object> attribute(Args args, int position) {
    Object path = args.get(position, "attribute");
    Budget budget = Budget.current();
    return item -> {
      budget.work(1);
      return path == null || path == None.NONE ? item : Values.path(item, path);
    };
  }

  /// The items that `map` and the selections see: none of anything that is false, such as None.
  private static List<@Nullable Object> itemsIfTrue(@Nullable Object value) {
    return Values.truth(value) ? Values.items(value) : new ArrayList<>();
  }

  private static Object map(@Nullable Object value, Args args) {
    List<@Nullable Object> items = itemsIfTrue(value);
    if (args.positional().isEmpty()) {
      Function<@Nullable Object, @Nullable Object> attribute = attribute(args, 0);
      items.replaceAll(item -> {
        Object found = attribute.apply(item);
        return found == null ? args.named().get("default") : found;
      });
      return items;
    }
    String name = Values.text(args.first("map"));
    Args rest = args.skip(1);
    items.replaceAll(item -> Filters.apply(name, item, rest));
    return items;
  }

  /// Keeps or drops the items that pass a test, on one attribute of theirs when that comes first.
  private static Object select(@Nullable Object value, Args args, int tested, boolean keep) {
    List<@Nullable Object> given = args.positional();
    List<@Nullable Object> items = itemsIfTrue(value);
    Object path = tested == 0 ? null : args.first("an attribute filter");
    items.removeIf(item -> {
      Budget.current().work(1);
      Object subject = tested == 0 ? item : Values.path(item, path);
      boolean passes =
          given.size() <= tested
              ? Values.truth(subject)
              : Tests.passes(
                  Values.text(given.get(tested)), subject, args.skip(tested + 1).positional());
      return passes != keep;
    });
    return items;
  }

  private static Function<@Nullable Object, @Nullable Object> key(
      Function<@Nullable Object, @Nullable Object> attribute, boolean exact) {
    return item -> {
      Object key = attribute.apply(item);
      return key instanceof String text && !exact ? text.toLowerCase(Locale.ROOT) : key;
    };
  }

  private static Comparator<@Nullable Object> order(
      Function<@Nullable Object, @Nullable Object> key) {
    return (a, b) -> {
      Budget.current().work(1);
      return Values.compare(key.apply(a), key.apply(b));
    };
  }

  private static Object sort(@Nullable Object value, Args args) {
    List<@Nullable Object> items = Values.items(value);
    Function<@Nullable Object, @Nullable Object> key =
        key(attribute(args, 2), args.truth(1, "case_sensitive"));
    Comparator<@Nullable Object> order = order(key);
    items.sort(args.truth(0, "reverse") ? order.reversed() : order);
    return items;
  }

  private static Object sortedItems(@Nullable Object value, Args args) {
    List<@Nullable Object> items = Values.items(items(value));
    String by = args.text(1, "by", "key");
    if (!by.equals("key") && !by.equals("value")) {
      throw TemplateException.evaluation("dictsort: by " + by + " (expected: key or value)");
    }
    Comparator<@Nullable Object> order =
        order(
            key(
                item -> Values.path(item, by.equals("key") ? 0L : (Long) 1L),
                args.truth(0, "case_sensitive")));
    items.sort(args.truth(2, "reverse") ? order.reversed() : order);
    return items;
  }

  /// The first of the smallest or largest items, undefined for none.
  private static @Nullable Object extreme(@Nullable Object value, Args args, boolean largest) {
    Comparator<@Nullable Object> order =
        order(key(attribute(args, 1), args.truth(0, "case_sensitive")));
    Comparator<@Nullable Object> better = largest ? order.reversed() : order;
    List<@Nullable Object> items = Values.items(value);
    Object best = items.isEmpty() ? null : items.getFirst();
    for (Object item : items) {
      best = better.compare(item, best) < 0 ? item : best;
    }
    return best;
  }

  private static Object unique(@Nullable Object value, Args args) {
    Function<@Nullable Object, @Nullable Object> key =
        key(attribute(args, 1), args.truth(0, "case_sensitive"));
    List<@Nullable Object> kept = new ArrayList<>();
    List<@Nullable Object> seen = new ArrayList<>();
    for (Object item : Values.items(value)) {
      Object itemKey = key.apply(item);
      if (!Values.contains(seen, itemKey)) {
        seen.add(itemKey);
        kept.add(item);
      }
    }
    return kept;
  }

  private static Object group(@Nullable Object value, Args args) {
    Object path = args.get(0, "attribute");
    Function<@Nullable Object, @Nullable Object> attribute =
        item -> {
          Object found = Values.path(item, path);
          return found == null ? args.get(1, "default") : found;
        };
    Function<@Nullable Object, @Nullable Object> key =
        key(attribute, args.truth(2, "case_sensitive"));
    List<@Nullable Object> items = Values.items(value);
    items.sort(order(key));
    List<@Nullable Object> groups = new ArrayList<>();
    List<@Nullable Object> current = new ArrayList<>();
    for (Object item : items) {
      if (current.isEmpty() || !Values.equal(key.apply(current.getFirst()), key.apply(item))) {
        current = new ArrayList<>();
        groups.add(new Tuple.Group(attribute.apply(item), current));
      }
      current.add(item);
    }
    return groups;
  }

  private static Object batch(@Nullable Object value, Args args) {
    long width = size("batch", args.get(0, "linecount"));
    List<@Nullable Object> batches = new ArrayList<>();
    List<@Nullable Object> current = new ArrayList<>();
    for (Object item : Values.items(value)) {
      if (batches.isEmpty() || current.size() == width) {
        current = new ArrayList<>();
        batches.add(current);
      }
      current.add(item);
    }
    Object fill = args.get(1, "fill_with");
    if (!batches.isEmpty() && fill != null && fill != None.NONE) {
      Budget.current().work(width);
      current.addAll(Collections.nCopies((int) width - current.size(), fill));
    }
    return batches;
  }

  private static Object slice(@Nullable Object value, Args args) {
    int slices = (int) size("slice", args.get(0, "slices"));
    Budget.current().work(slices);
    List<@Nullable Object> items = Values.items(value);
    Object fill = args.get(1, "fill_with");
    int longer = items.size() % slices;
    List<@Nullable Object> all = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < slices; i++) {
      int to = from + items.size() / slices + (i < longer ? 1 : 0);
      List<@Nullable Object> part = new ArrayList<>(items.subList(from, to));
      if (fill != null && fill != None.NONE && i >= longer) {
        part.add(fill);
      }
      all.add(part);
      from = to;
    }
    return all;
  }

  private static long size(String filter, @Nullable Object size) {
    long value = Values.integer(size);
    if (value < 1 || value > Budget.RANGE_ITEMS) {
      throw TemplateException.evaluation(
          filter + ": " + value + " (expected: 1 to " + Budget.RANGE_ITEMS + ")");
    }
    return value;
  }

  private static Object sum(@Nullable Object value, Args args) {
    Function<@Nullable Object, @Nullable Object> attribute = attribute(args, 0);
    Object sum = args.has(1, "start") ? args.get(1, "start") : (Long) 0L;
    if (sum instanceof String) {
      throw TemplateException.evaluation("sum of str (expected: join)");
    }
    for (Object item : Values.items(value)) {
      sum = Operators.add(sum, attribute.apply(item));
    }
    return sum == null ? 0L : sum;
  }
}
