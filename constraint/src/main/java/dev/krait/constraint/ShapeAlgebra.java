package dev.krait.constraint;

import dev.krait.constraint.Shape.Facet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/// Intersections and differences of lists of shapes.
final class ShapeAlgebra {
  private static final int MAX_SHAPES = 2_000;
  private static final int MAX_DEPTH = 4;

  private final Languages languages;
  private final Encoding json;
  private final NumberLanguage numbers;
  private final Function<Schema, List<Shape>> expand;
  private int depth;

  ShapeAlgebra(
      Languages languages,
      Encoding json,
      NumberLanguage numbers,
      Function<Schema, List<Shape>> expand) {
    this.languages = languages;
    this.json = json;
    this.numbers = numbers;
    this.expand = expand;
  }

  /// Every value.
  List<Shape> everything() {
    return List.of(
        new Shape.Objects(List.of(), Set.of(), 0, -1),
        new Shape.Arrays(List.of(), Schema.ANY, 0, -1),
        new Shape.Strings(json.all, 0, -1),
        new Shape.Numbers(numbers.any, numbers.syntax),
        new Shape.Word("true"),
        new Shape.Word("false"),
        new Shape.Word("null"));
  }

  List<Shape> both(List<Shape> one, List<Shape> other, String keyword) {
    List<Shape> both = new ArrayList<>();
    for (Shape a : one) {
      for (Shape b : other) {
        if (a.getClass() == b.getClass()) {
          Shape shape = a.equals(b) ? a : both(a, b);
          if (!isEmpty(shape) && !both.contains(shape)) {
            add(both, shape, keyword);
          }
        }
      }
    }
    return both;
  }

  private static void add(List<Shape> shapes, Shape shape, String keyword) {
    if (shapes.size() >= MAX_SHAPES) {
      throw new ConstraintException(
          keyword, keyword + ": more than " + MAX_SHAPES + " combinations of alternatives");
    }
    shapes.add(shape);
  }

  private Shape both(Shape one, Shape other) {
    return switch (one) {
      case Shape.Word a -> a.equals(other) ? a : new Shape.Word("");
      case Shape.Numbers a -> {
        Shape.Numbers b = (Shape.Numbers) other;
        yield new Shape.Numbers(
            languages.and(a.values(), b.values()), languages.and(a.syntax(), b.syntax()));
      }
      case Shape.Strings a -> {
        Shape.Strings b = (Shape.Strings) other;
        Regex text =
            a.text() == json.all
                ? b.text()
                : b.text() == json.all ? a.text() : languages.and(a.text(), b.text());
        yield new Shape.Strings(text, Math.max(a.min(), b.min()), Shape.leastMax(a.max(), b.max()));
      }
      case Shape.Arrays a -> Shape.both(a, (Shape.Arrays) other);
      case Shape.Objects a -> a.with((Shape.Objects) other);
    };
  }

  /// The text of a string, its length included.
  Regex text(Shape.Strings strings) {
    if (strings.min() == 0 && strings.max() < 0) {
      return strings.text();
    }
    Regex length =
        strings.max() >= 0 && strings.max() < strings.min()
            ? languages.nothing
            : languages.repeat(json.any, strings.min(), strings.max());
    return strings.text() == json.all ? length : languages.and(length, strings.text());
  }

  /// The numbers of a shape as they are written.
  Regex number(Shape.Numbers n) {
    return n.values() == numbers.any ? n.syntax() : languages.and(n.values(), n.syntax());
  }

  /// Whether a shape surely allows nothing.
  boolean isEmpty(Shape shape) {
    return switch (shape) {
      case Shape.Word word -> word.word().isEmpty();
      case Shape.Numbers n -> languages.isNothing(languages.and(n.values(), n.syntax()));
      case Shape.Strings s -> languages.isNothing(text(s));
      case Shape.Arrays a -> {
        boolean empty = a.max() >= 0 && a.min() > a.max();
        for (int i = 0; i < a.min() && i <= a.first().size() && !empty; i++) {
          empty = isEmpty(a.at(i));
        }
        yield empty;
      }
      case Shape.Objects o -> {
        boolean empty = o.max() >= 0 && (o.min() > o.max() || o.required().size() > o.max());
        for (String name : o.required()) {
          empty = empty || isEmpty(valueOf(o, name));
        }
        yield empty;
      }
    };
  }

  /// Whether a schema surely allows nothing, as far down as is worth a look.
  boolean isEmpty(Schema schema) {
    if (!(schema instanceof Schema.All || schema instanceof Schema.Not) || depth >= MAX_DEPTH) {
      return schema instanceof Schema.Never;
    }
    depth++;
    try {
      return expand.apply(schema).isEmpty();
    } finally {
      depth--;
    }
  }

  /// What an object's shape says about a property.
  Schema valueOf(Shape.Objects objects, String name) {
    List<Schema> all = new ArrayList<>();
    for (Facet facet : objects.facets()) {
      Schema listed = facet.properties().get(name);
      boolean known = listed != null;
      if (listed != null) {
        all.add(listed);
      }
      for (Map.Entry<Regex, Schema> pattern : facet.patterns().entrySet()) {
        if (matches(pattern.getKey(), name)) {
          known = true;
          all.add(pattern.getValue());
        }
      }
      if (!known) {
        all.add(facet.others());
      }
    }
    return Schema.all(all);
  }

  private boolean matches(Regex pattern, String name) {
    Regex state = pattern;
    for (byte each : Encoding.escaped(name).getBytes(java.nio.charset.StandardCharsets.UTF_8)) {
      Regex next = languages.next(state, each & 0xff);
      if (next == null) {
        return false;
      }
      state = next;
    }
    return state.nullable;
  }

  /// The values of the one list that are not in the other.
  List<Shape> without(List<Shape> from, List<Shape> taken, String keyword) {
    List<Shape> left = from;
    for (Shape shape : taken) {
      List<Shape> next = new ArrayList<>();
      for (Shape each : left) {
        boolean apart = each.getClass() != shape.getClass() || isEmpty(both(each, shape));
        for (Shape part : apart ? List.of(each) : remaining(each, shape, keyword)) {
          if (!next.contains(part)) {
            add(next, part, keyword);
          }
        }
      }
      left = next;
    }
    return left;
  }

  private List<Shape> remaining(Shape each, Shape taken, String keyword) {
    return both(List.of(each), complement(taken, keyword), keyword);
  }

  /// All other values of the same type.
  private List<Shape> complement(Shape shape, String keyword) {
    return switch (shape) {
      case Shape.Word word -> List.of();
      case Shape.Numbers n ->
          n.values() == numbers.any
              ? List.of()
              : List.of(new Shape.Numbers(numbers.except(n.values()), numbers.syntax));
      case Shape.Strings s -> {
        List<Shape> others = new ArrayList<>();
        if (s.text() != json.all) {
          Regex text = languages.and(json.all, languages.not(s.text()));
          others.add(new Shape.Strings(text, 0, -1));
        }
        if (s.min() > 0) {
          others.add(new Shape.Strings(json.all, 0, s.min() - 1));
        }
        if (s.max() >= 0) {
          others.add(new Shape.Strings(json.all, s.max() + 1, -1));
        }
        yield others;
      }
      case Shape.Arrays a -> complement(a, keyword);
      case Shape.Objects o -> complement(o, keyword);
    };
  }

  private static List<Shape> complement(Shape.Arrays a, String keyword) {
    if (!(a.later() instanceof Schema.Any || a.later() instanceof Schema.Never)) {
      throw notComplemented(keyword, "items");
    }
    List<Shape> others = new ArrayList<>();
    for (int i = 0; i < a.first().size(); i++) {
      List<Schema> first = new ArrayList<>(java.util.Collections.nCopies(i, Schema.ANY));
      first.add(Schema.not(a.first().get(i)));
      others.add(new Shape.Arrays(first, Schema.ANY, i + 1, -1));
    }
    if (a.min() > 0) {
      others.add(new Shape.Arrays(List.of(), Schema.ANY, 0, a.min() - 1));
    }
    int max =
        a.later() instanceof Schema.Never ? Shape.leastMax(a.max(), a.first().size()) : a.max();
    if (max >= 0) {
      others.add(new Shape.Arrays(List.of(), Schema.ANY, max + 1, -1));
    }
    return others;
  }

  private List<Shape> complement(Shape.Objects o, String keyword) {
    List<Shape> others = new ArrayList<>();
    for (String name : o.required()) {
      Facet none = new Facet(Map.of(name, Schema.NEVER), Map.of(), Schema.ANY);
      others.add(new Shape.Objects(List.of(none), Set.of(), 0, -1));
    }
    for (Facet facet : o.facets()) {
      if (!facet.patterns().isEmpty() || !(facet.others() instanceof Schema.Any)) {
        throw notComplemented(
            keyword, facet.patterns().isEmpty() ? "additionalProperties" : "patternProperties");
      }
      facet
          .properties()
          .forEach((name, value) -> others.add(Shape.Objects.requiring(name, Schema.not(value))));
    }
    if (o.min() > 0) {
      others.add(new Shape.Objects(List.of(), Set.of(), 0, o.min() - 1));
    }
    if (o.max() >= 0) {
      others.add(new Shape.Objects(List.of(), Set.of(), o.max() + 1, -1));
    }
    return others;
  }

  private static ConstraintException notComplemented(String keyword, String what) {
    return new ConstraintException(
        keyword, keyword + ": cannot be enforced, because its schemas overlap and limit " + what);
  }
}
