package dev.krait.constraint;

import dev.krait.constraint.Regex.Op;
import dev.krait.constraint.Regex.Shape;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Makes regular languages and their derivatives (Brzozowski's, by classes of bytes as Owens, Reppy
/// and Turon describe), each one once. For one thread at a time.
final class Languages {
  private static final int MAX_EXPLORED = 20_000;

  private final Map<Shape, Regex> made = new HashMap<>();
  private final Map<Object, Regex> encoded = new HashMap<>();
  private int budget;
  private long deadlineNanos;
  private long work;

  final Regex nothing = make(Shape.of(Op.NOTHING), false, true);
  final Regex empty = make(Shape.of(Op.EMPTY), true, true);
  final Regex anything = make(Shape.of(Op.NOT, nothing), true, true);

  /// Refuses to make more languages than so many, or any after a time.
  Languages(int budget, long deadlineNanos) {
    this.budget = budget;
    this.deadlineNanos = deadlineNanos;
  }

  int size() {
    return made.size();
  }

  /// Parts of languages that were looked at so far, for budgets of those who ask for states.
  long work() {
    return work;
  }

  /// Ends the budgets: what is made from now on follows texts.
  void unbounded() {
    budget = 0;
  }

  private void check() {
    if (budget > 0 && made.size() >= budget) {
      throw new ConstraintException(
          "states", "the automaton has more than " + budget + " states (expected: at most that)");
    }
    if (budget > 0 && (made.size() & 0xff) == 0 && System.nanoTime() - deadlineNanos > 0) {
      throw new ConstraintException("time", "compiling takes too long (expected: a simpler one)");
    }
  }

  private Regex make(Shape shape, boolean nullable, boolean positive) {
    Regex known = made.get(shape);
    if (known != null) {
      return known;
    }
    check();
    Regex regex = new Regex(shape, made.size(), nullable, positive);
    made.put(shape, regex);
    return regex;
  }

  /// What was made for a key before, or is made now.
  Regex once(Object key, java.util.function.Supplier<Regex> maker) {
    Regex known = encoded.get(key);
    if (known == null) {
      known = maker.get();
      encoded.put(key, known);
    }
    return known;
  }

  Regex bytes(ByteSet set) {
    return set.equals(ByteSet.NONE) ? nothing : make(Shape.of(set), false, true);
  }

  Regex text(String text) {
    Regex regex = empty;
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int i = bytes.length - 1; i >= 0; i--) {
      regex = concat(bytes(ByteSet.of(bytes[i] & 0xff)), regex);
    }
    return regex;
  }

  Regex decimals(Decimals test) {
    return make(Shape.of(test), test.accepts(), false);
  }

  Regex concat(Regex first, Regex second) {
    if (first == nothing || second == nothing) {
      return nothing;
    }
    if (first == empty) {
      return second;
    }
    if (second == empty) {
      return first;
    }
    if (first.op == Op.CONCAT) {
      return concat(first.parts[0], concat(first.parts[1], second));
    }
    return make(
        Shape.of(Op.CONCAT, first, second),
        first.nullable && second.nullable,
        first.positive && second.positive);
  }

  Regex concat(Regex first, Regex second, Regex third) {
    return concat(first, concat(second, third));
  }

  Regex or(Regex... parts) {
    return or(Arrays.asList(parts));
  }

  Regex or(List<Regex> parts) {
    return merge(Op.OR, parts);
  }

  Regex and(Regex... parts) {
    return merge(Op.AND, Arrays.asList(parts));
  }

  private Regex merge(Op op, List<Regex> parts) {
    Regex absorbing = op == Op.OR ? anything : nothing;
    Regex neutral = op == Op.OR ? nothing : anything;
    Map<Integer, Regex> flat = new TreeMap<>();
    ByteSet bytes = null;
    for (Regex each : parts) {
      for (Regex part : each.op == op ? each.parts : new Regex[] {each}) {
        if (part == absorbing) {
          return absorbing;
        }
        if (part.op == Op.BYTES) {
          bytes =
              bytes == null
                  ? part.bytes
                  : op == Op.OR ? bytes.or(part.bytes) : bytes.and(part.bytes);
        } else if (part != neutral) {
          flat.put(part.id, part);
        }
      }
    }
    if (bytes != null) {
      Regex set = bytes(bytes);
      if (set == absorbing) {
        return absorbing;
      }
      flat.put(set.id, set);
    }
    if (op == Op.AND && flat.containsValue(empty)) {
      return flat.values().stream().allMatch(part -> part.nullable) ? empty : nothing;
    }
    if (flat.size() <= 1) {
      return flat.isEmpty() ? neutral : flat.values().iterator().next();
    }
    Regex[] all = flat.values().toArray(new Regex[0]);
    boolean nullable = op == Op.AND;
    boolean positive = op == Op.OR;
    for (Regex part : all) {
      nullable = op == Op.OR ? nullable || part.nullable : nullable && part.nullable;
      positive &= part.positive;
    }
    return make(Shape.of(op, all), nullable, positive);
  }

  Regex not(Regex part) {
    return part.op == Op.NOT ? part.parts[0] : make(Shape.of(Op.NOT, part), !part.nullable, false);
  }

  /// So many times, or more where `max` is -1.
  Regex repeat(Regex part, int min, int max) {
    if (max == 0 || part == empty || (part == nothing && min == 0)) {
      return empty;
    }
    if (part == nothing || (max == 1 && min == 1)) {
      return part;
    }
    int least = part.nullable ? 0 : min;
    return make(Shape.repeat(part, least, max), least == 0, part.positive);
  }

  Regex star(Regex part) {
    return repeat(part, 0, -1);
  }

  Regex optional(Regex part) {
    return part.nullable ? part : or(empty, part);
  }

  /// Any of many texts, as a tree by their first bytes: one way on for each byte.
  Regex anyOf(List<byte[]> texts) {
    return tree(texts.stream().sorted(Arrays::compareUnsigned).toList(), 0);
  }

  private Regex tree(List<byte[]> sorted, int depth) {
    if (sorted.size() == 1) {
      Regex regex = empty;
      byte[] text = sorted.getFirst();
      for (int i = text.length - 1; i >= depth; i--) {
        regex = concat(bytes(ByteSet.of(text[i] & 0xff)), regex);
      }
      return regex;
    }
    List<Regex> ways = new ArrayList<>();
    Map<Integer, List<byte[]>> byFirst = new LinkedHashMap<>();
    for (byte[] text : sorted) {
      if (text.length == depth) {
        ways.add(empty);
      } else {
        byFirst.computeIfAbsent(text[depth] & 0xff, b -> new ArrayList<>()).add(text);
      }
    }
    byFirst.forEach(
        (b, rest) -> ways.add(concat(bytes(ByteSet.of(b)), tree(List.copyOf(rest), depth + 1))));
    return or(ways);
  }

  /// The state behind a byte; null where no text of the language goes on so.
  @Nullable Regex next(Regex state, int value) {
    byte[] classes = classes(state);
    @Nullable Regex[] next = state.next;
    if (next == null) {
      next = new Regex[count(classes)];
      state.next = next;
    }
    int index = classes[value] & 0xff;
    Regex known = next[index];
    if (known == null) {
      known = derive(state, value);
      if (!known.positive && isNothing(known)) {
        known = nothing;
      }
      next[index] = known;
    }
    return known == nothing ? null : known;
  }

  private Regex derive(Regex r, int value) {
    work += 1 + r.parts.length;
    return switch (r.op) {
      case NOTHING, EMPTY -> nothing;
      case BYTES -> r.bytes.has(value) ? empty : nothing;
      case CONCAT -> {
        Regex first = concat(derive(r.parts[0], value), r.parts[1]);
        yield r.parts[0].nullable ? or(first, derive(r.parts[1], value)) : first;
      }
      case OR, AND -> {
        List<Regex> parts = new ArrayList<>(r.parts.length);
        for (Regex part : r.parts) {
          parts.add(derive(part, value));
        }
        yield merge(r.op, parts);
      }
      case NOT -> not(derive(r.parts[0], value));
      case REPEAT -> {
        Regex first = derive(r.parts[0], value);
        yield first == nothing
            ? nothing
            : concat(first, repeat(r.parts[0], Math.max(0, r.min - 1), r.max < 0 ? -1 : r.max - 1));
      }
      case DECIMALS -> {
        Decimals next =
            value != '.' && (value < '0' || value > '9')
                ? null
                : Objects.requireNonNull(r.decimals).next(value);
        yield next == null ? nothing : decimals(next);
      }
    };
  }

  private byte[] classes(Regex r) {
    byte[] known = r.classes;
    if (known == null) {
      known = partition(r);
      r.classes = known;
    }
    return known;
  }

  private byte[] partition(Regex r) {
    work += 16L * (1 + r.parts.length);
    byte[] classes = new byte[256];
    switch (r.op) {
      case NOTHING, EMPTY -> {}
      case BYTES -> {
        for (int i = 0; i < 256; i++) {
          classes[i] = (byte) (r.bytes.has(i) ? 1 : 0);
        }
      }
      case CONCAT ->
          classes =
              r.parts[0].nullable
                  ? meet(classes(r.parts[0]), classes(r.parts[1]))
                  : classes(r.parts[0]);
      case OR, AND -> {
        for (Regex part : r.parts) {
          classes = meet(classes, classes(part));
        }
      }
      case NOT, REPEAT -> classes = classes(r.parts[0]);
      case DECIMALS -> {
        for (int i = 0; i < 10; i++) {
          classes['0' + i] = (byte) (i + 1);
        }
        classes['.'] = 11;
      }
    }
    return classes;
  }

  private static byte[] meet(byte[] one, byte[] other) {
    int width = count(other);
    short[] pairs = new short[count(one) * width];
    byte[] met = new byte[256];
    short count = 0;
    for (int i = 0; i < 256; i++) {
      int pair = (one[i] & 0xff) * width + (other[i] & 0xff);
      if (pairs[pair] == 0) {
        pairs[pair] = ++count;
      }
      met[i] = (byte) (pairs[pair] - 1);
    }
    return met;
  }

  private static int count(byte[] classes) {
    int count = 0;
    for (byte each : classes) {
      count = Math.max(count, (each & 0xff) + 1);
    }
    return count;
  }

  /// Whether no text belongs to the language, or behind the budgets none that is found soon: what
  /// is not followed is not allowed.
  boolean isNothing(Regex start) {
    if (start == nothing || start.positive || start.nothing != null) {
      return start == nothing || Boolean.TRUE.equals(start.nothing);
    }
    Map<Regex, Regex> reachedFrom = new HashMap<>();
    ArrayDeque<Regex> open = new ArrayDeque<>(List.of(start));
    reachedFrom.put(start, start);
    while (!open.isEmpty()) {
      if (budget == 0 && reachedFrom.size() > MAX_EXPLORED) {
        return true;
      }
      Regex state = open.poll();
      boolean some =
          state.nullable
              || (state.positive && state != nothing)
              || Boolean.FALSE.equals(state.nothing);
      if (some) {
        state.nothing = false;
        Regex at = state;
        do {
          at = Objects.requireNonNull(reachedFrom.get(at));
          at.nothing = false;
        } while (at != start);
        return false;
      }
      if (!Boolean.TRUE.equals(state.nothing)) {
        for (Regex next : successors(state)) {
          if (next != nothing && reachedFrom.putIfAbsent(next, state) == null) {
            open.add(next);
          }
        }
      }
    }
    reachedFrom.keySet().forEach(state -> state.nothing = true);
    return true;
  }

  private List<Regex> successors(Regex state) {
    byte[] classes = classes(state);
    boolean[] seen = new boolean[256];
    List<Regex> successors = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      if (!seen[classes[i] & 0xff]) {
        seen[classes[i] & 0xff] = true;
        successors.add(derive(state, i));
      }
    }
    successors.sort(Comparator.comparingInt(each -> each.nullable ? 0 : 1));
    return successors;
  }
}
