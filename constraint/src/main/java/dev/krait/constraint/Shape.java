package dev.krait.constraint;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Values of one JSON type that a schema allows. A schema looked into is a list of shapes, each of
/// which allows its values.
sealed interface Shape {
  /// `true` and `false` are two types here.
  record Word(String word) implements Shape {}

  /// Numbers by their values, written without exponent where they are limited, and the way they are
  /// written.
  record Numbers(Regex values, Regex syntax) implements Shape {}

  /// Strings by their text between the quotes and their number of characters; no limit is -1.
  record Strings(Regex text, int min, int max) implements Shape {}

  record Arrays(List<Schema> first, Schema later, int min, int max) implements Shape {
    Schema at(int index) {
      return index < first.size() ? first.get(index) : later;
    }
  }

  /// What one schema says about the properties of an object.
  record Facet(Map<String, Schema> properties, Map<Regex, Schema> patterns, Schema others) {}

  record Objects(List<Facet> facets, Set<String> required, int min, int max) implements Shape {
    static Objects requiring(String name, Schema value) {
      return new Objects(
          List.of(new Facet(Map.of(name, value), Map.of(), Schema.ANY)), Set.of(name), 0, -1);
    }

    Objects with(Objects other) {
      Set<Facet> all = new LinkedHashSet<>(facets);
      all.addAll(other.facets);
      Set<String> names = new LinkedHashSet<>(required);
      names.addAll(other.required);
      return new Objects(
          List.copyOf(all), names, Math.max(min, other.min), leastMax(max, other.max));
    }

    /// Names that a facet lists or that are required, in their order.
    Set<String> names() {
      Set<String> names = new LinkedHashSet<>();
      facets.forEach(facet -> names.addAll(facet.properties.keySet()));
      names.addAll(required);
      return names;
    }
  }

  static int leastMax(int one, int other) {
    return one < 0 ? other : other < 0 ? one : Math.min(one, other);
  }

  static Arrays both(Arrays one, Arrays other) {
    List<Schema> first = new ArrayList<>();
    int size = Math.max(one.first.size(), other.first.size());
    for (int i = 0; i < size; i++) {
      first.add(Schema.all(List.of(one.at(i), other.at(i))));
    }
    return new Arrays(
        first,
        Schema.all(List.of(one.later, other.later)),
        Math.max(one.min, other.min),
        leastMax(one.max, other.max));
  }
}
