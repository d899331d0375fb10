package dev.krait.constraint;

import dev.krait.constraint.Shape.Facet;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/// The values of `enum` and `const` as shapes.
record ListedValues(Languages languages, Encoding json, NumberLanguage numbers) {
  /// The shapes of listed values: strings and numbers together, others one by one.
  List<Shape> shapes(List<Schema.Value> values) {
    List<Shape> shapes = new ArrayList<>();
    List<Regex> numberValues = new ArrayList<>();
    List<Regex> numberSyntax = new ArrayList<>();
    List<byte[]> texts = new ArrayList<>();
    boolean ascii = true;
    List<Regex> spellings = new ArrayList<>();
    for (Schema.Value each : new LinkedHashSet<>(values)) {
      switch (each.value()) {
        case null -> shapes.add(new Shape.Word("null"));
        case Boolean b -> shapes.add(new Shape.Word(b.toString()));
        case Number n -> {
          BigDecimal number = SchemaDocument.decimal("enum", n);
          numberValues.add(numbers.equalTo(number));
          numberSyntax.add(numbers.spelled(number));
        }
        case String text -> {
          ascii &= text.chars().allMatch(c -> c >= 0x20 && c < 0x80);
          texts.add(Encoding.escaped(text).getBytes(StandardCharsets.UTF_8));
          spellings.add(json.text(text));
        }
        case List<?> list -> {
          List<Schema> items = new ArrayList<>();
          list.forEach(item -> items.add(new Schema.Value(item)));
          shapes.add(new Shape.Arrays(items, Schema.NEVER, list.size(), list.size()));
        }
        case Map<?, ?> map -> {
          Map<String, Schema> properties = new LinkedHashMap<>();
          map.forEach((name, value) -> properties.put((String) name, new Schema.Value(value)));
          Facet facet = new Facet(properties, Map.of(), Schema.NEVER);
          shapes.add(
              new Shape.Objects(List.of(facet), new LinkedHashSet<>(properties.keySet()), 0, -1));
        }
        default -> throw SchemaDocument.wrong("enum", each.value(), "values of JSON");
      }
    }
    if (!numberValues.isEmpty()) {
      shapes.add(new Shape.Numbers(languages.or(numberValues), languages.or(numberSyntax)));
    }
    if (!texts.isEmpty()) {
      // Plain texts have one spelling each, and a tree of them is quicker to walk.
      Regex text = ascii ? languages.anyOf(texts) : languages.or(spellings);
      shapes.add(new Shape.Strings(text, 0, -1));
    }
    return shapes;
  }
}
