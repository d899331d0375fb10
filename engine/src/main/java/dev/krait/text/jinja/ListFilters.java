package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Filters over the items of a list, text or dict.
final class ListFilters {
  static final Set<String> NAMES =
      Set.of(
          "batch",
          "dictsort",
          "first",
          "groupby",
          "last",
          "map",
          "max",
          "min",
          "reject",
          "rejectattr",
          "reverse",
          "select",
          "selectattr",
          "slice",
          "sort",
          "sum",
          "unique");

  private final Evaluator evaluator;
  private final Filters filters;
  private final Budget budget;

  ListFilters(Evaluator evaluator, Filters filters, Budget budget) {
    this.evaluator = evaluator;
    this.filters = filters;
    this.budget = budget;
  }

  Object apply(String name, Object input, CallArguments arguments) {
    if (name.equals("dictsort")) {
      return dictSort(input, arguments);
    }
    if (name.equals("reverse") && input instanceof String text) {
      budget.text(text.length());
      return new StringBuilder(text).reverse().toString();
    }
    List<Object> items = Values.items(input, budget);
    budget.work(items.size());
    return switch (name) {
      case "first" ->
          items.isEmpty() ? new Undefined("No first item, sequence was empty.") : items.getFirst();
      case "last" ->
          items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.getLast();
      case "reverse" -> new ArrayList<>(items.reversed());
      case "map" -> map(items, arguments);
      case "select" -> select(items, Optional.empty(), arguments, true);
      case "reject" -> select(items, Optional.empty(), arguments, false);
      case "selectattr" -> selectByAttribute(items, arguments, true);
      case "rejectattr" -> selectByAttribute(items, arguments, false);
      case "sort" -> sort(items, arguments);
      case "unique" -> unique(items, arguments);
      case "min" -> extreme(items, arguments, Comparator.naturalOrder());
      case "max" -> extreme(items, arguments, Comparator.reverseOrder());
      case "sum" -> sum(items, arguments);
      case "batch" -> batch(items, arguments);
      case "slice" -> slice(items, arguments);
      case "groupby" -> groupBy(items, arguments);
      default -> throw TemplateException.syntax("no filter named '" + name + "'");
    };
  }

  private List<Object> map(List<Object> items, CallArguments arguments) {
    Object attribute = arguments.named().getOrDefault("attribute", None.NONE);
    List<Object> mapped = new ArrayList<>();
    if (attribute != None.NONE) {
      Object fallback =
          arguments.named().getOrDefault("default", new Undefined("attribute is undefined"));
      for (Object item : items) {
        Object value = Attributes.path(item, attribute, budget);
        mapped.add(value instanceof Undefined ? fallback : value);
      }
      return mapped;
    }
    String filter = arguments.text(0, "filter");
    if (!Filters.NAMES.contains(filter)) {
      throw TemplateException.evaluation("no filter named '" + filter + "'");
    }
    CallArguments rest = arguments.drop(1);
    budget.enter();
    for (Object item : items) {
      mapped.add(filters.apply(filter, item, rest));
    }
    budget.leave();
    return mapped;
  }

  private List<Object> selectByAttribute(
      List<Object> items, CallArguments arguments, boolean wanted) {
    Object attribute = arguments.get(0, "attribute");
    return select(items, Optional.of(attribute), arguments.drop(1), wanted);
  }

  private List<Object> select(
      List<Object> items, Optional<Object> attribute, CallArguments arguments, boolean wanted) {
    Optional<Object> test = arguments.find(0, "test");
    CallArguments rest = arguments.drop(1);
    List<Object> selected = new ArrayList<>();
    for (Object item : items) {
      Object value = attribute.isPresent() ? Attributes.path(item, attribute.get(), budget) : item;
      boolean holds =
          test.isPresent()
              ? evaluator.tests().holds(Values.text(test.get(), "select"), value, rest)
              : Values.truth(value);
      if (holds == wanted) {
        selected.add(item);
      }
    }
    return selected;
  }

  private List<Object> sort(List<Object> items, CallArguments arguments) {
    boolean descending = arguments.flag(0, "reverse", false);
    boolean caseSensitive = arguments.flag(1, "case_sensitive", false);
    Object attribute = arguments.get(2, "attribute", None.NONE);
    List<Object> sorted = new ArrayList<>(items);
    Comparator<Object> order =
        (a, b) ->
            Values.compare(
                sortKey(a, attribute, caseSensitive), sortKey(b, attribute, caseSensitive), budget);
    sorted.sort(descending ? Collections.reverseOrder(order) : order);
    return sorted;
  }

  private Object sortKey(Object item, Object attribute, boolean caseSensitive) {
    Object key = attribute == None.NONE ? item : Attributes.path(item, attribute, budget);
    if (key instanceof String text && !caseSensitive) {
      budget.read(text.length());
      return text.toLowerCase(Locale.ROOT);
    }
    return key;
  }

  private List<Object> unique(List<Object> items, CallArguments arguments) {
    boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    List<Object> keys = new ArrayList<>();
    List<Object> kept = new ArrayList<>();
    for (Object item : items) {
      Object key = sortKey(item, attribute, caseSensitive);
      if (!Values.contains(keys, key, budget)) {
        keys.add(key);
        kept.add(item);
      }
    }
    return kept;
  }

  private Object extreme(
      List<Object> items, CallArguments arguments, Comparator<Integer> direction) {
    boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
    Object attribute = arguments.get(1, "attribute", None.NONE);
    if (items.isEmpty()) {
      return new Undefined("No aggregated item, sequence was empty.");
    }
    Object best = items.getFirst();
    for (Object item : items) {
      int order =
          Values.compare(
              sortKey(item, attribute, caseSensitive),
              sortKey(best, attribute, caseSensitive),
              budget);
      if (direction.compare(order, 0) < 0) {
        best = item;
      }
    }
    return best;
  }

  private Object sum(List<Object> items, CallArguments arguments) {
    Object attribute = arguments.get(0, "attribute", None.NONE);
    Object total = arguments.get(1, "start", 0L);
    Arithmetic arithmetic = new Arithmetic(budget);
    for (Object item : items) {
      Object value = attribute == None.NONE ? item : Attributes.path(item, attribute, budget);
      total = arithmetic.apply("+", total, value);
    }
    return total;
  }

  private List<Object> batch(List<Object> items, CallArguments arguments) {
    int size = positive(arguments.integer(0, "linecount", 0), "batch");
    Object fill = arguments.get(1, "fill_with", None.NONE);
    List<Object> batches = new ArrayList<>();
    for (int start = 0; start < items.size(); start += size) {
      List<Object> batch =
          new ArrayList<>(items.subList(start, (int) Math.min(items.size(), (long) start + size)));
      if (fill != None.NONE && batch.size() < size) {
        budget.work(size - batch.size());
        batch.addAll(Collections.nCopies(size - batch.size(), fill));
      }
      batches.add(batch);
      if (size > items.size() - start) {
        break;
      }
    }
    return batches;
  }

  private List<Object> slice(List<Object> items, CallArguments arguments) {
    int slices = positive(arguments.integer(0, "slices", 0), "slice");
    Object fill = arguments.get(1, "fill_with", None.NONE);
    budget.work(slices);
    int size = items.size() / slices;
    int longer = items.size() % slices;
    List<Object> result = new ArrayList<>();
    int at = 0;
    for (int i = 0; i < slices; i++) {
      int end = at + size + (i < longer ? 1 : 0);
      List<Object> slice = new ArrayList<>(items.subList(at, end));
      if (fill != None.NONE && i >= longer && longer > 0) {
        slice.add(fill);
      }
      result.add(slice);
      at = end;
    }
    return result;
  }

  private List<Object> groupBy(List<Object> items, CallArguments arguments) {
    Object attribute = arguments.get(0, "attribute");
    CallArguments order = new CallArguments("groupby", List.of(), Map.of("attribute", attribute));
    List<Object> groups = new ArrayList<>();
    List<Object> members = new ArrayList<>();
    Object current = None.NONE;
    for (Object item : sort(items, order)) {
      Object key = Attributes.path(item, attribute, budget);
      if (members.isEmpty() || !Values.equal(key, current, budget)) {
        members = new ArrayList<>();
        current = key;
        groups.add(Tuple.of(key, members));
      }
      members.add(item);
    }
    return groups;
  }

  private List<Object> dictSort(Object input, CallArguments arguments) {
    if (!(input instanceof Map<?, ?> map)) {
      throw Values.wrongType("dictsort", "a dict", input);
    }
    boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
    long position = arguments.text(1, "by", "key").equals("value") ? 1 : 0;
    Object reverse = arguments.get(2, "reverse", false);
    return sort(
        Methods.dictItems(map, budget),
        new CallArguments(
            "dictsort",
            List.of(),
            Map.of("attribute", position, "case_sensitive", caseSensitive, "reverse", reverse)));
  }

  private static int positive(int count, String filter) {
    if (count <= 0) {
      throw TemplateException.evaluation(filter + ": " + count + " (expected: a positive number)");
    }
    return count;
  }
}
