package dev.krait.generation;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.Vocabulary;
import dev.krait.error.EngineException;

/// What the text of a generation may be. Sequences and requests may share one.
///
/// @param constraint the texts
/// @param vocabulary the bytes of the model's tokens
/// @param endTokenIds what ends a complete text, and nothing else does; at least one
public record OutputConstraint(Constraint constraint, Vocabulary vocabulary, TokenIds endTokenIds) {
  /// Checks that a text can end.
  public OutputConstraint {
    if (endTokenIds.size() == 0) {
      throw EngineException.invalidArgument(
          "constraint", "a model without end tokens", "a model whose texts can end");
    }
  }
}
