package dev.krait.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The filters on sequences and dicts that call no other filter.
final class ListFilters {
  static final Map<String, Builtin> ALL =
      Map.ofEntries(
          Builtin.entry("length", "", (run, value, _) -> (long) Values.size(run, value)),
          Builtin.entry("list", "", (run, value, _) -> Values.list(run, value)),
          Builtin.entry("first", "", (run, value, _) -> first(Values.iterate(run, value), "first")),
          Builtin.entry("last", "", (run, value, _) -> first(backwards(run, value), "last")),
          Builtin.entry("reverse", "", ListFilters::reverse),
          Builtin.entry("items", "", ListFilters::items),
          Builtin.entry("dictsort", "case_sensitive? by? reverse?", ListFilters::dictSort),
          Builtin.entry("sort", "reverse? case_sensitive? attribute?", ListFilters::sort),
          Builtin.entry("unique", "case_sensitive? attribute?", ListFilters::unique),
          Builtin.entry(
              "min",
              "case_sensitive? attribute?",
              (run, value, args) -> best(run, value, args, -1)),
          Builtin.entry(
              "max", "case_sensitive? attribute?", (run, value, args) -> best(run, value, args, 1)),
          Builtin.entry("sum", "attribute? start?", ListFilters::sum),
          Builtin.entry("batch", "linecount fill_with?", ListFilters::batch),
          Builtin.entry("slice", "slices fill_with?", ListFilters::slice),
          Builtin.entry("groupby", "attribute default? case_sensitive?", ListFilters::groupBy));

  private ListFilters() {}

  private static Object first(Iterator<Object> items, String which) {
    return items.hasNext()
        ? items.next()
        : Undefined.because("No " + which + " item, sequence was empty.");
  }

  private static Iterator<Object> backwards(Run run, Object value) {
    List<?> items = value instanceof Generator ? null : Values.sized(run, value);
    if (items == null) {
      throw TemplateException.evaluation("'" + Values.type(value) + "' object is not reversible");
    }
    return Collections.<Object>unmodifiableList(items.reversed()).iterator();
  }

  private static Object reverse(Run run, Object value, Bound args) {
    String text = Comparison.string(value);
    if (text != null) {
      return new Slice(None.NONE, None.NONE, -1L).of(run, value);
    }
    if (value instanceof Generator) {
      return Values.list(run, value).reversed();
    }
    return Generator.all("list_reverseiterator", backwards(run, value));
  }

  private static Object items(Run run, Object value, Bound args) {
    if (value instanceof Undefined) {
      return new Generator(Collections.emptyIterator(), item -> item);
    }
    if (!(value instanceof Dict dict)) {
      throw TemplateException.evaluation("Can only get item pairs from a mapping.");
    }
    run.items(dict.size());
    return new Generator(dict.items().iterator(), item -> item);
  }

  /// An item with the key that it is sorted by.
  private record Keyed(Object item, Object key) {}

  private static List<Object> sorted(Run run, List<Keyed> items, boolean reverse) {
    run.items(2L * items.size());
    List<Keyed> sorted = new ArrayList<>(reverse ? items.reversed() : items);
    sorted.sort((a, b) -> Comparison.compare(run, "<", a.key(), b.key()));
    // Reversed twice, what is equal keeps its order.
    return (reverse ? sorted.reversed() : sorted).stream().map(Keyed::item).toList();
  }

  private static Object dictSort(Run run, Object value, Bound args) {
    if (!(value instanceof Dict dict)) {
      Operators.defined(value);
      throw TemplateException.evaluation("dictsort: " + Values.type(value) + " (expected: a dict)");
    }
    String by = args.text(run, 1, "key");
    if (!by.equals("key") && !by.equals("value")) {
      throw TemplateException.evaluation("You can only sort by either \"key\" or \"value\"");
    }
    List<Keyed> items = new ArrayList<>();
    for (Object item : dict.items()) {
      List<Object> pair = ((Tuple) item).items();
      Object key = by.equals("key") ? pair.getFirst() : pair.getLast();
      items.add(new Keyed(item, TextFilters.caseless(key, args.truth(0))));
    }
    return sorted(run, items, args.truth(2));
  }

  private static Object sort(Run run, Object value, Bound args) {
    Object attribute = args.get(2, None.NONE);
    List<?> paths =
        attribute instanceof String text ? List.of(text.split(",")) : List.of(attribute);
    List<Keyed> items = new ArrayList<>();
    for (Object item : Values.list(run, value)) {
      List<Object> keys = new ArrayList<>();
      for (Object path : paths) {
        keys.add(TextFilters.caseless(Lookup.path(run, item, path), args.truth(1)));
      }
      items.add(new Keyed(item, keys));
    }
    return sorted(run, items, args.truth(0));
  }

  private static Object key(Run run, Object item, Bound args) {
    return TextFilters.caseless(Lookup.path(run, item, args.get(1, None.NONE)), args.truth(0));
  }

  private static Object unique(Run run, Object value, Bound args) {
    Set<Object> seen = new HashSet<>();
    return new Generator(
        Values.iterate(run, value),
        item -> {
          Object key = Dict.hashed(key(run, item, args));
          run.items(10);
          return seen.add(key instanceof Undefined ? None.class : key) ? item : null;
        });
  }

  private static Object best(Run run, Object value, Bound args, int sign) {
    Object best = null;
    Object bestKey = None.NONE;
    for (Object item : Values.list(run, value)) {
      Object key = key(run, item, args);
      String operator = sign > 0 ? ">" : "<";
      if (best == null || sign * Comparison.compare(run, operator, key, bestKey) > 0) {
        best = item;
        bestKey = key;
      }
    }
    return best == null ? Undefined.because("No aggregated item, sequence was empty.") : best;
  }

  private static Object sum(Run run, Object value, Bound args) {
    Object sum = args.get(1, 0L);
    if (Comparison.string(sum) != null) {
      throw TemplateException.evaluation("sum() can't sum strings [use ''.join(seq) instead]");
    }
    for (Object item : Values.list(run, value)) {
      Object each = Lookup.path(run, item, args.get(0, None.NONE));
      sum = Operators.binary(run, "+", sum, each);
    }
    return sum;
  }

  private static Object batch(Run run, Object value, Bound args) {
    int count = args.integer(0, 0);
    List<Object> batches = new ArrayList<>();
    List<Object> batch = new ArrayList<>();
    for (Object item : Values.list(run, value)) {
      if (batch.size() == count) {
        batches.add(batch);
        batch = new ArrayList<>();
      }
      batch.add(item);
    }
    if (!batch.isEmpty()) {
      int missing = args.has(1) ? Math.max(0, count - batch.size()) : 0;
      run.items(missing);
      batch.addAll(Collections.nCopies(missing, args.get(1, None.NONE)));
      batches.add(batch);
    }
    return new Generator(batches.iterator(), item -> item);
  }

  private static Object slice(Run run, Object value, Bound args) {
    List<Object> items = Values.list(run, value);
    int slices = args.integer(0, 0);
    if (slices == 0) {
      throw TemplateException.evaluation("integer division or modulo by zero");
    }
    run.items(Math.max(0, slices));
    int each = Math.floorDiv(items.size(), slices);
    int longer = Math.floorMod(items.size(), slices);
    List<Object> all = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < slices; i++) {
      int to = from + each + (i < longer ? 1 : 0);
      List<Object> slice = new ArrayList<>(items.subList(from, to));
      if (args.has(1) && i >= longer) {
        slice.add(args.get(1));
      }
      all.add(slice);
      from = to;
    }
    return new Generator(all.iterator(), item -> item);
  }

  private static Object groupBy(Run run, Object value, Bound args) {
    List<Keyed> items = new ArrayList<>();
    for (Object item : Values.list(run, value)) {
      Object key = Lookup.path(run, item, args.get(0));
      key = key instanceof Undefined && args.has(1) ? args.get(1) : key;
      items.add(new Keyed(Tuple.of(key, item), TextFilters.caseless(key, args.truth(2))));
    }
    List<Object> groups = new ArrayList<>();
    @Nullable Object last = null;
    List<Object> group = new ArrayList<>();
    for (Object each : sorted(run, items, false)) {
      List<Object> pair = ((Tuple) each).items();
      Object key = TextFilters.caseless(pair.getFirst(), args.truth(2));
      if (last == null || !Comparison.equal(run, last, key)) {
        group = new ArrayList<>();
        groups.add(new Group(pair.getFirst(), group));
      }
      group.add(pair.getLast());
      last = key;
    }
    return groups.stream().map(each -> ((Group) each).tuple()).toList();
  }

  /// What all items of a list have in common, and the list. Also a tuple of the two.
  private record Group(Object grouper, List<Object> list) {
    Tuple tuple() {
      return new Tuple(List.of(grouper, list), Map.of("grouper", grouper, "list", list));
    }
  }
}
