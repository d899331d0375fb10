package dev.krait.text;

/// Turns the tokens of one stream into text as they come, without ever giving out part of a
/// character. Not thread-safe; the cost of a token does not depend on how many came before.
///
/// What was given out is never taken back, and everything given out plus [#flush] is what decoding
/// prompt and stream at once gives after the prompt's text.
public final class IncrementalDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  private final Pieces pieces;

  /// Starts a stream.
  ///
  /// @param promptIds what the stream continues; decides whether its first space belongs to the
  ///   text
  /// @param skipSpecialTokens whether special tokens give no text
  public IncrementalDecoder(Tokenizer tokenizer, int[] promptIds, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
    this.pieces =
        tokenizer.codec().kind() == TokenCodec.Kind.OTHER
            ? new WindowedPieces(tokenizer, skipSpecialTokens)
            : new BytePieces(tokenizer.codec());
    boolean text = false;
    for (int i = promptIds.length - 1; i >= 0 && !text; i--) {
      text = hasText(promptIds[i]);
    }
    pieces.start(promptIds, text);
  }

  /// Takes the next token.
  ///
  /// @return the text that is now certain, often one token's, empty inside of a character
  public String push(int id) {
    return hasText(id) ? pieces.push(id) : "";
  }

  /// Ends the stream.
  ///
  /// @return what [#push] held back: U+FFFD for a character that never became whole
  public String flush() {
    return pieces.flush();
  }

  private boolean hasText(int id) {
    return tokenizer.has(id) && !(skipSpecialTokens && tokenizer.isSpecial(id));
  }

  /// One way of putting tokens together.
  sealed interface Pieces permits BytePieces, WindowedPieces {
    void start(int[] promptIds, boolean afterText);

    String push(int id);

    String flush();
  }
}
