package dev.krait.sampling;

/// Changes a sequence's logits by what it has said so far; it belongs to one sequence.
///
/// It stands behind a number of generated tokens. [#apply] changes the row of logits of the next
/// one, [#accept] moves behind it, [#rollback] moves back.
public interface LogitsProcessor {

  /// False when [#apply] leaves the next row as it is.
  boolean isActive();

  /// False when [#apply] leaves the next row and all later ones as they are.
  default boolean mayChange() {
    return true;
  }

  /// Changes the logits of the next token.
  void apply(float[] logits);

  /// Moves behind the next token.
  void accept(int tokenId);

  /// Takes the last so many accepted tokens back.
  void rollback(int tokens);
}
