package dev.krait.constraint;

import dev.krait.constraint.NumberLanguage.Bound;
import dev.krait.constraint.Shape.Facet;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Looks into schemas: the keywords of a JSON schema become shapes.
final class SchemaReader {
  private static final Set<String> REFUSED =
      Set.of(
          "contains",
          "unevaluatedProperties",
          "unevaluatedItems",
          "$dynamicRef",
          "$recursiveRef",
          "extends",
          "disallow");

  private final SchemaDocument document;
  private final Languages languages;
  private final Encoding json;
  private final NumberLanguage numbers;
  private final ShapeAlgebra algebra;
  private final ListedValues listed;
  private final Map<Schema, List<Shape>> known = new HashMap<>();
  private final Set<Schema> open = new LinkedHashSet<>();
  private final Map<String, Regex> patterns = new HashMap<>();

  SchemaReader(SchemaDocument document, Languages languages, Encoding json) {
    this.document = document;
    this.languages = languages;
    this.json = json;
    numbers = new NumberLanguage(languages);
    algebra = new ShapeAlgebra(languages, json, numbers, this::shapes);
    listed = new ListedValues(languages, json, numbers);
  }

  ShapeAlgebra algebra() {
    return algebra;
  }

  /// What a schema allows.
  List<Shape> shapes(Schema schema) {
    List<Shape> done = known.get(schema);
    if (done != null) {
      return done;
    }
    if (!open.add(schema)) {
      throw new ConstraintException("$ref", "$ref: a schema refers to itself at the same place");
    }
    List<Shape> shapes =
        switch (schema) {
          case Schema.Any any -> algebra.everything();
          case Schema.Never never -> List.of();
          case Schema.Of of -> keywords(of.node());
          case Schema.Not not -> algebra.without(algebra.everything(), shapes(not.part()), "not");
          case Schema.Value value -> listed.shapes(List.of(new Schema.Value(value.value())));
          case Schema.All all -> {
            List<Shape> both = algebra.everything();
            for (Schema part : all.parts()) {
              both = algebra.both(both, shapes(part), "allOf");
            }
            yield both;
          }
        };
    open.remove(schema);
    known.put(schema, shapes);
    return shapes;
  }

  private List<Shape> keywords(Map<?, ?> node) {
    if (node.get("$ref") instanceof String reference && document.referencesStandAlone()) {
      return shapes(document.schema("$ref", document.target(reference)));
    }
    for (String keyword : REFUSED) {
      if (node.containsKey(keyword) && !Boolean.TRUE.equals(node.get(keyword))) {
        throw new ConstraintException(keyword, keyword + ": is not supported");
      }
    }
    List<Shape> shapes = new ArrayList<>(types(node));
    shapes.removeIf(algebra::isEmpty);
    if (node.get("$ref") instanceof String reference) {
      Schema target = document.schema("$ref", document.target(reference));
      shapes = algebra.both(shapes, shapes(target), "$ref");
    }
    if (node.containsKey("const")) {
      shapes =
          algebra.both(
              shapes, listed.shapes(List.of(new Schema.Value(node.get("const")))), "const");
    }
    if (node.containsKey("enum")) {
      List<Schema.Value> values = new ArrayList<>();
      SchemaDocument.list(node, "enum").forEach(value -> values.add(new Schema.Value(value)));
      shapes = algebra.both(shapes, listed.shapes(values), "enum");
    }
    for (Object part : SchemaDocument.list(node, "allOf")) {
      shapes = algebra.both(shapes, shapes(document.schema("allOf", part)), "allOf");
    }
    if (node.containsKey("anyOf")) {
      List<Shape> any = new ArrayList<>();
      for (Object part : SchemaDocument.list(node, "anyOf")) {
        for (Shape shape : algebra.both(shapes, shapes(document.schema("anyOf", part)), "anyOf")) {
          if (!any.contains(shape)) {
            any.add(shape);
          }
        }
      }
      shapes = any;
    }
    if (node.containsKey("oneOf")) {
      shapes = oneOf(shapes, SchemaDocument.list(node, "oneOf"));
    }
    if (node.containsKey("not")) {
      shapes = algebra.without(shapes, shapes(document.schema("not", node.get("not"))), "not");
    }
    return dependencies(conditions(shapes, node), node);
  }

  private List<Shape> oneOf(List<Shape> shapes, List<?> parts) {
    List<List<Shape>> each = new ArrayList<>();
    for (Object part : parts) {
      each.add(algebra.both(shapes, shapes(document.schema("oneOf", part)), "oneOf"));
    }
    List<Shape> one = new ArrayList<>();
    for (int i = 0; i < each.size(); i++) {
      List<Shape> alone = each.get(i);
      for (int j = 0; j < each.size(); j++) {
        alone = i == j ? alone : algebra.without(alone, each.get(j), "oneOf");
      }
      one.addAll(alone);
    }
    return one;
  }

  private List<Shape> conditions(List<Shape> shapes, Map<?, ?> node) {
    if (!node.containsKey("if") || !(node.containsKey("then") || node.containsKey("else"))) {
      return shapes;
    }
    List<Shape> condition = shapes(document.schema("if", node.get("if")));
    List<Shape> holds = algebra.both(shapes, condition, "if");
    List<Shape> fails = algebra.without(shapes, condition, "if");
    return joined(branch(holds, node, "then"), branch(fails, node, "else"));
  }

  private List<Shape> branch(List<Shape> shapes, Map<?, ?> node, String keyword) {
    return node.containsKey(keyword)
        ? algebra.both(shapes, shapes(document.schema(keyword, node.get(keyword))), keyword)
        : shapes;
  }

  private static List<Shape> joined(Collection<Shape> one, Collection<Shape> other) {
    Set<Shape> all = new LinkedHashSet<>(one);
    all.addAll(other);
    return List.copyOf(all);
  }

  private List<Shape> dependencies(List<Shape> shapes, Map<?, ?> node) {
    List<Shape> left = shapes;
    for (String keyword : List.of("dependencies", "dependentRequired", "dependentSchemas")) {
      for (Map.Entry<?, ?> each : SchemaDocument.map(node, keyword).entrySet()) {
        List<Shape> has = List.of(Shape.Objects.requiring((String) each.getKey(), Schema.ANY));
        List<Shape> then = algebra.both(left, has, keyword);
        List<Shape> more;
        if (each.getValue() instanceof List<?> || each.getValue() instanceof String) {
          Set<String> names = new LinkedHashSet<>();
          List<?> list = each.getValue() instanceof List<?> l ? l : List.of(each.getValue());
          list.forEach(name -> names.add(SchemaDocument.text(keyword, name)));
          more = List.of(new Shape.Objects(List.of(), names, 0, -1));
        } else {
          more = shapes(document.schema(keyword, each.getValue()));
        }
        left = joined(algebra.without(left, has, keyword), algebra.both(then, more, keyword));
      }
    }
    return left;
  }

  /// The shapes of the types that a node allows, with the keywords of each type.
  private List<Shape> types(Map<?, ?> node) {
    Object type = node.get("type");
    if (type == null) {
      return List.of(
          objects(node),
          arrays(node),
          strings(node),
          numbers(node, false),
          new Shape.Word("true"),
          new Shape.Word("false"),
          new Shape.Word("null"));
    }
    Set<Object> names = new LinkedHashSet<>(type instanceof List<?> list ? list : List.of(type));
    List<Shape> shapes = new ArrayList<>();
    for (Object name : names) {
      switch (name instanceof String text ? text : "") {
        case "object" -> shapes.add(objects(node));
        case "array" -> shapes.add(arrays(node));
        case "string" -> shapes.add(strings(node));
        case "number" -> shapes.add(numbers(node, false));
        case "integer" -> {
          if (!names.contains("number")) {
            shapes.add(numbers(node, true));
          }
        }
        case "boolean" -> {
          shapes.add(new Shape.Word("true"));
          shapes.add(new Shape.Word("false"));
        }
        case "null" -> shapes.add(new Shape.Word("null"));
        case "any" -> shapes.addAll(algebra.everything());
        default ->
            throw SchemaDocument.wrong(
                "type", name, "object, array, string, number, integer, boolean or null");
      }
    }
    return shapes;
  }

  private Shape objects(Map<?, ?> node) {
    Map<String, Schema> properties = new LinkedHashMap<>();
    SchemaDocument.map(node, "properties")
        .forEach(
            (name, value) -> properties.put((String) name, document.schema((String) name, value)));
    Map<Regex, Schema> byPattern = new LinkedHashMap<>();
    SchemaDocument.map(node, "patternProperties")
        .forEach((pattern, value) ->
            byPattern.merge(
                pattern("patternProperties", (String) pattern),
                document.schema("patternProperties", value),
                (one, other) -> Schema.all(List.of(one, other))));
    Schema others =
        node.containsKey("additionalProperties")
            ? document.schema("additionalProperties", node.get("additionalProperties"))
            : Schema.ANY;
    List<Facet> facets = new ArrayList<>();
    if (!properties.isEmpty() || !byPattern.isEmpty() || !(others instanceof Schema.Any)) {
      facets.add(new Facet(properties, byPattern, others));
    }
    if (node.containsKey("propertyNames")) {
      facets.add(names(document.schema("propertyNames", node.get("propertyNames"))));
    }
    Set<String> required = new LinkedHashSet<>();
    if (node.get("required") instanceof List<?> list) {
      list.forEach(name -> required.add(SchemaDocument.text("required", name)));
    } else if (node.get("required") != null && !(node.get("required") instanceof Boolean)) {
      throw SchemaDocument.wrong("required", node.get("required"), "a list of names");
    }
    return new Shape.Objects(
        facets,
        required,
        SchemaDocument.count(node, "minProperties", 0),
        SchemaDocument.count(node, "maxProperties", -1));
  }

  /// Names as a facet: the patterns are the allowed names, and there are no others.
  private Facet names(Schema schema) {
    Map<Regex, Schema> allowed = new LinkedHashMap<>();
    for (Shape shape : shapes(schema)) {
      if (shape instanceof Shape.Strings strings) {
        allowed.put(algebra.text(strings), Schema.ANY);
      }
    }
    return new Facet(Map.of(), allowed, Schema.NEVER);
  }

  private Shape arrays(Map<?, ?> node) {
    List<Schema> first = new ArrayList<>();
    Schema later = Schema.ANY;
    Object items = node.get("items");
    if (node.containsKey("prefixItems") || items instanceof List<?>) {
      String keyword = node.containsKey("prefixItems") ? "prefixItems" : "items";
      for (Object item : SchemaDocument.list(node, keyword)) {
        first.add(document.schema(keyword, item));
      }
      String rest = keyword.equals("items") ? "additionalItems" : "items";
      later = node.containsKey(rest) ? document.schema(rest, node.get(rest)) : Schema.ANY;
    } else if (items != null) {
      later = document.schema("items", items);
    }
    int max = SchemaDocument.count(node, "maxItems", -1);
    if (Boolean.TRUE.equals(node.get("uniqueItems")) && (max < 0 || max > 1)) {
      throw new ConstraintException("uniqueItems", "uniqueItems: is not supported");
    }
    return new Shape.Arrays(first, later, SchemaDocument.count(node, "minItems", 0), max);
  }

  private Shape strings(Map<?, ?> node) {
    Regex text = json.all;
    if (node.get("pattern") != null) {
      String pattern = SchemaDocument.text("pattern", node.get("pattern"));
      text = pattern("pattern", pattern);
    }
    String format =
        node.get("format") instanceof String name ? StringFormats.expression(name) : null;
    if (format != null) {
      Regex whole =
          patterns.computeIfAbsent(
              "format " + format,
              f ->
                  new Expression.Reader("format", languages, json)
                      .whole(ExpressionParser.parse("format", format)));
      text = text == json.all ? whole : languages.and(text, whole);
    }
    return new Shape.Strings(
        text,
        SchemaDocument.count(node, "minLength", 0),
        SchemaDocument.count(node, "maxLength", -1));
  }

  private Regex pattern(String keyword, String pattern) {
    return patterns.computeIfAbsent(
        pattern,
        p ->
            new Expression.Reader(keyword, languages, json)
                .anywhere(ExpressionParser.parse(keyword, p)));
  }

  private Shape numbers(Map<?, ?> node, boolean integer) {
    Bound low = bound(node, "minimum", "exclusiveMinimum");
    Bound high = bound(node, "maximum", "exclusiveMaximum");
    Regex values = numbers.between(low, high);
    BigDecimal step = SchemaDocument.decimal(node, "multipleOf");
    if (step == null) {
      step = SchemaDocument.decimal(node, "divisibleBy");
    }
    if (step != null) {
      if (step.signum() <= 0) {
        throw SchemaDocument.wrong("multipleOf", step, "a number above 0");
      }
      Regex multiples = numbers.multiplesOf(step);
      values = values == numbers.any ? multiples : languages.and(values, multiples);
    }
    if (!integer) {
      Regex syntax = step == null ? numbers.syntax : numbers.syntaxOfMultiples(step);
      return new Shape.Numbers(values, syntax);
    }
    Regex integers = numbers.integers();
    return new Shape.Numbers(
        values == numbers.any ? integers : languages.and(values, integers), numbers.integerSyntax);
  }

  /// The tighter one of a bound and its exclusive form, which is a flag in draft 4.
  private static @Nullable Bound bound(Map<?, ?> node, String keyword, String exclusive) {
    BigDecimal value = SchemaDocument.decimal(node, keyword);
    Object other = node.get(exclusive);
    boolean flag = Boolean.TRUE.equals(other);
    Bound bound = value == null ? null : new Bound(value, !flag);
    if (other == null || other instanceof Boolean) {
      return bound;
    }
    Bound open = new Bound(SchemaDocument.decimal(exclusive, other), false);
    if (bound == null) {
      return open;
    }
    int order = open.value().compareTo(bound.value());
    return (keyword.equals("minimum") ? order >= 0 : order <= 0) ? open : bound;
  }
}
