package dev.krait.constraint;

import dev.krait.constraint.Shape.Facet;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;

/// Compiles the shapes of schemas into rules, one for each schema.
final class SchemaCompiler {
  private static final int MAX_PATTERNS = 6;

  private final SchemaDocument document;
  private final Languages languages;
  private final Encoding json;
  private final boolean ordered;
  private final Consumer<Node.Rule> made;
  private final SchemaReader reader;
  private final ShapeAlgebra algebra;
  private final Map<Schema, Node.Rule> rules = new HashMap<>();
  private final ArrayDeque<Schema> open = new ArrayDeque<>();
  private final Node end = new Node.End();
  private final Regex quote;
  private final Regex space;
  private final Node comma;

  /// `made` hears of each new rule.
  SchemaCompiler(Object schema, Languages languages, boolean ordered, Consumer<Node.Rule> made) {
    this.document = new SchemaDocument(schema);
    this.languages = languages;
    this.ordered = ordered;
    this.made = made;
    json = new Encoding(languages, true);
    reader = new SchemaReader(document, languages, json);
    algebra = reader.algebra();
    quote = languages.text("\"");
    space = space(languages);
    comma = token(",", end);
  }

  /// Space between the parts of a value: none, one blank, or a line end and an indentation. More
  /// would let a model write blanks without end.
  private static Regex space(Languages languages) {
    Regex indentation =
        languages.repeat(languages.bytes(ByteSet.of(' ').or(ByteSet.of('\t'))), 0, 20);
    return languages.or(
        languages.empty,
        languages.text(" "),
        languages.concat(
            languages.optional(languages.text("\r")), languages.text("\n"), indentation));
  }

  Node.Rule compile() {
    Node.Rule root = rule(document.root());
    while (!open.isEmpty()) {
      Schema schema = open.poll();
      Objects.requireNonNull(rules.get(schema)).body = body(reader.shapes(schema));
    }
    return root;
  }

  private Node.Rule rule(Schema schema) {
    Node.Rule known = rules.get(schema);
    if (known != null) {
      return known;
    }
    Node.Rule rule = new Node.Rule();
    made.accept(rule);
    rules.put(schema, rule);
    open.add(schema);
    return rule;
  }

  private Node token(String text, Node next) {
    return new Node.Terminal(languages.concat(languages.text(text), space), false, next);
  }

  private Node closing(String text) {
    return new Node.Terminal(languages.concat(space, languages.text(text)), false, end);
  }

  private Node body(List<Shape> shapes) {
    List<Node> ways = new ArrayList<>();
    List<Regex> words = new ArrayList<>();
    List<Regex> numbers = new ArrayList<>();
    List<Regex> strings = new ArrayList<>();
    for (Shape shape : shapes) {
      switch (shape) {
        case Shape.Word word -> words.add(languages.text(word.word()));
        case Shape.Numbers n -> numbers.add(algebra.number(n));
        case Shape.Strings s -> strings.add(algebra.text(s));
        case Shape.Arrays a -> ways.add(array(a));
        case Shape.Objects o -> ways.add(object(o));
      }
    }
    if (!strings.isEmpty()) {
      ways.add(quoted(languages.or(strings), end));
    }
    if (!numbers.isEmpty() || !words.isEmpty()) {
      numbers.addAll(words);
      ways.add(terminal(languages.or(numbers), false, end));
    }
    return new Node.Fork(ways);
  }

  private Node quoted(Regex text, Node next) {
    return terminal(languages.concat(quote, text, quote), true, next);
  }

  private Node terminal(Regex language, boolean quoted, Node next) {
    return languages.isNothing(language)
        ? new Node.Fork(List.of())
        : new Node.Terminal(language, quoted, next);
  }

  private Node array(Shape.Arrays a) {
    List<Node.Rule> first = new ArrayList<>();
    for (Schema item : a.first()) {
      first.add(rule(item));
    }
    Node.Rule later =
        a.later() instanceof Schema.Never || (a.max() >= 0 && a.max() <= first.size())
            ? null
            : rule(a.later());
    Frame.Text text = new Frame.Text(comma, closing("]"), ordered);
    return token("[", new Node.Elements(first, later, a.min(), a.max(), text));
  }

  private Node object(Shape.Objects o) {
    List<Node.Entry> entries = new ArrayList<>();
    Set<String> names = o.names();
    for (String name : names) {
      Schema value = algebra.valueOf(o, name);
      if (!algebra.isEmpty(value)) {
        boolean required = o.required().contains(name);
        Node key = entryOf(languages.text(Encoding.escaped(name)), rule(value));
        entries.add(new Node.Entry(key, rule(value), required));
      } else if (o.required().contains(name)) {
        return new Node.Fork(List.of());
      }
    }
    List<Node.Entry> others = others(o, names);
    if (o.min() > Math.max(1, o.required().size()) && !others.isEmpty()) {
      throw new ConstraintException(
          "minProperties",
          "minProperties: " + o.min() + " is not supported beside properties of any name");
    }
    if (others.isEmpty() && o.min() > entries.size()) {
      return new Node.Fork(List.of());
    }
    int max = others.isEmpty() && o.max() >= entries.size() ? -1 : o.max();
    int min = o.min() <= o.required().size() ? 0 : o.min();
    Frame.Text text = new Frame.Text(comma, closing("}"), ordered);
    return token("{", new Node.Members(entries, others, min, max, text));
  }

  private Node entryOf(Regex name, Node.Rule value) {
    return quoted(name, token(":", new Node.Call(value, end)));
  }

  /// Entries with other names than the listed ones: for each set of patterns, the names that match
  /// these and no others.
  private List<Node.Entry> others(Shape.Objects o, Set<String> names) {
    Set<Regex> patterns = new LinkedHashSet<>();
    o.facets().forEach(facet -> patterns.addAll(facet.patterns().keySet()));
    List<Regex> list = List.copyOf(patterns);
    if (list.size() > MAX_PATTERNS) {
      throw new ConstraintException(
          "patternProperties",
          "patternProperties: "
              + list.size()
              + " patterns (expected: at most "
              + MAX_PATTERNS
              + ")");
    }
    Map<Schema, List<Regex>> byValue = new LinkedHashMap<>();
    for (int set = 0; set < 1 << list.size(); set++) {
      Schema value = valueOfOthers(o, list, set);
      if (!algebra.isEmpty(value)) {
        byValue.computeIfAbsent(value, v -> new ArrayList<>()).add(region(list, set));
      }
    }
    List<Regex> listed = names.stream().map(json::text).toList();
    List<Node.Entry> others = new ArrayList<>();
    byValue.forEach((value, regions) -> {
      Regex any = languages.or(regions);
      Regex name = listed.isEmpty() ? any : languages.and(any, languages.not(languages.or(listed)));
      if (!languages.isNothing(name)) {
        others.add(new Node.Entry(entryOf(name, rule(value)), rule(value), false));
      }
    });
    return others;
  }

  private Regex region(List<Regex> patterns, int set) {
    Regex region = json.all;
    for (int i = 0; i < patterns.size(); i++) {
      Regex pattern = patterns.get(i);
      Regex part = (set >> i & 1) != 0 ? pattern : languages.not(pattern);
      region = region == json.all && part == pattern ? pattern : languages.and(region, part);
    }
    return region;
  }

  private static Schema valueOfOthers(Shape.Objects o, List<Regex> patterns, int set) {
    List<Schema> all = new ArrayList<>();
    for (Facet facet : o.facets()) {
      boolean matched = false;
      for (int i = 0; i < patterns.size(); i++) {
        Schema value = facet.patterns().get(patterns.get(i));
        if ((set >> i & 1) != 0 && value != null) {
          matched = true;
          all.add(value);
        }
      }
      if (!matched) {
        all.add(facet.others());
      }
    }
    return Schema.all(all);
  }
}
