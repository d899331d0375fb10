package dev.krait.constraint;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a text may look like. Grammars are put together from others: a call of a tool is
/// `sequence(text("<tool_call>"), jsonSchema(arguments, true), text("</tool_call>"))`. Immutable.
public sealed interface Grammar {
  /// A text as it is.
  record Text(String text) implements Grammar {}

  /// Texts that match a regular expression from their first to their last character.
  record Pattern(String expression) implements Grammar {}

  /// Any text without the given ones in it.
  record Free(List<String> without) implements Grammar {
    public Free {
      without = List.copyOf(without);
    }
  }

  /// A JSON value by its schema, a tree of `Map`, `List`, `String`, `Number`, `Boolean` and null;
  /// an ordered one has the properties of its objects in the order of the schema.
  record Schema(@Nullable Object schema, boolean ordered) implements Grammar {}

  /// One after the other.
  record Sequence(List<Grammar> parts) implements Grammar {
    public Sequence {
      parts = List.copyOf(parts);
    }
  }

  /// One of them.
  record Either(List<Grammar> parts) implements Grammar {
    public Either {
      parts = List.copyOf(parts);
    }
  }

  /// Several times; no limit is -1.
  record Repeat(Grammar part, int min, int max) implements Grammar {}

  /// Rules that refer to each other, and the one to begin with.
  record Rules(Map<String, Grammar> rules, String start) implements Grammar {
    public Rules {
      rules = Map.copyOf(rules);
    }
  }

  /// A rule of the nearest [Rules] around.
  record Reference(String rule) implements Grammar {}

  static Grammar text(String text) {
    return new Text(text);
  }

  static Grammar pattern(String expression) {
    return new Pattern(expression);
  }

  static Grammar jsonSchema(@Nullable Object schema, boolean ordered) {
    return new Schema(schema, ordered);
  }

  /// Any JSON object.
  static Grammar jsonObject() {
    return new Schema(Map.of("type", "object"), false);
  }

  /// A grammar in llama.cpp's GBNF, from its rule `root`, or in the common part of Lark, from its
  /// rule `start`.
  ///
  /// @throws ConstraintException when it is neither
  static Grammar ebnf(String source) {
    return GrammarText.parse(source);
  }

  static Grammar choice(List<String> texts) {
    return new Either(texts.stream().map(Grammar::text).toList());
  }

  static Grammar sequence(Grammar... parts) {
    return new Sequence(List.of(parts));
  }

  static Grammar either(List<Grammar> parts) {
    return new Either(parts);
  }

  static Grammar repeat(Grammar part, int min, int max) {
    return new Repeat(part, min, max);
  }
}
