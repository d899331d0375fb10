package dev.krait.text;

import java.util.Arrays;

/// Puts together tokens that only the tokenizers library can decode: decodes the last few tokens
/// with and without the new ones, and gives out the difference.
final class WindowedPieces implements IncrementalDecoder.Pieces {
  /// Tokens decoded along, enough for decoders that look at their neighbours.
  private static final int BEFORE = 6;

  /// A run of tokens this long without a whole character is given out as it is.
  private static final int MAX_HELD = 16;

  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;

  /// Tokens before `settled` have been given out, those after it are held back.
  private int[] window = {};

  private int settled;

  WindowedPieces(Tokenizer tokenizer, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  @Override
  public void start(int[] context, boolean afterText) {
    window = context;
    settled = window.length;
  }

  @Override
  public String push(int id) {
    window = Arrays.copyOf(window, window.length + 1);
    window[window.length - 1] = id;
    String before = decode(settled);
    String now = decode(window.length);
    boolean unfinished = now.endsWith("\ufffd") && window.length - settled < MAX_HELD;
    if (unfinished || now.length() <= before.length()) {
      return "";
    }
    return settle(before, now);
  }

  @Override
  public String flush() {
    return settle(decode(settled), decode(window.length));
  }

  private String settle(String before, String now) {
    int from = Math.max(0, window.length - BEFORE);
    window = Arrays.copyOfRange(window, from, window.length);
    settled = window.length;
    return now.substring(Math.min(before.length(), now.length()));
  }

  private String decode(int to) {
    return tokenizer.decode(window, 0, to, skipSpecialTokens);
  }
}
