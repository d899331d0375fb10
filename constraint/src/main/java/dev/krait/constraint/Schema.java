package dev.krait.constraint;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A JSON schema that is not looked into yet: a document's, or a combination of others.
sealed interface Schema {
  Schema ANY = new Any();
  Schema NEVER = new Never();

  record Any() implements Schema {}

  record Never() implements Schema {}

  /// A schema of the document, compared by identity.
  record Of(Map<?, ?> node) implements Schema {
    @Override
    @SuppressWarnings("ReferenceEquality")
    public boolean equals(@Nullable Object other) {
      return other instanceof Of o && o.node == node;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(node);
    }
  }

  record All(Set<Schema> parts) implements Schema {}

  record Not(Schema part) implements Schema {}

  /// One value alone.
  record Value(@Nullable Object value) implements Schema {}

  static Schema all(Collection<Schema> parts) {
    Set<Schema> flat = new LinkedHashSet<>();
    for (Schema part : parts) {
      if (part instanceof All all) {
        flat.addAll(all.parts);
      } else if (part instanceof Never) {
        return NEVER;
      } else if (!(part instanceof Any)) {
        flat.add(part);
      }
    }
    return flat.isEmpty() ? ANY : flat.size() == 1 ? flat.iterator().next() : new All(flat);
  }

  static Schema not(Schema part) {
    return switch (part) {
      case Any a -> NEVER;
      case Never n -> ANY;
      case Not n -> n.part;
      default -> new Not(part);
    };
  }
}
