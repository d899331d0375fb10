package dev.krait.text;

import java.util.Arrays;

/// Turns the tokens of one stream into text as they come, without ever giving out part of a
/// character. Not thread-safe; the cost of a token does not depend on how many came before.
///
/// What was given out is never taken back, and everything given out plus [#flush] is what decoding
/// prompt and stream at once gives after the prompt's text.
public final class IncrementalDecoder {
  private static final int CONTEXT = 6;

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
    int[] context = context(tokenizer, promptIds, skipSpecialTokens);
    pieces.start(context, context.length > 0);
  }

  /// The last tokens with text, as many as any decoder looks back on.
  static int[] context(Tokenizer tokenizer, int[] ids, boolean skipSpecialTokens) {
    int[] context = new int[CONTEXT];
    int from = CONTEXT;
    for (int i = ids.length - 1; i >= 0 && from > 0; i--) {
      if (hasText(tokenizer, ids[i], skipSpecialTokens)) {
        context[--from] = ids[i];
      }
    }
    return Arrays.copyOfRange(context, from, CONTEXT);
  }

  /// Takes the next token.
  ///
  /// @return the text that is now certain, often one token's, empty inside of a character
  public String push(int id) {
    return hasText(tokenizer, id, skipSpecialTokens) ? pieces.push(id) : "";
  }

  /// Ends the stream.
  ///
  /// @return what [#push] held back: U+FFFD for a character that never became whole
  public String flush() {
    return pieces.flush();
  }

  private static boolean hasText(Tokenizer tokenizer, int id, boolean skipSpecialTokens) {
    return tokenizer.has(id) && !(skipSpecialTokens && tokenizer.isSpecial(id));
  }

  /// One way of putting tokens together.
  sealed interface Pieces permits BytePieces, WindowedPieces {
    void start(int[] context, boolean afterText);

    String push(int id);

    String flush();
  }
}
