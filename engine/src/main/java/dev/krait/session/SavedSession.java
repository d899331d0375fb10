package dev.krait.session;

import dev.krait.generation.TokenIds;
import java.util.List;

/// A conversation outside of the caches.
///
/// @param model which model computed it
/// @param tokens every token that is computed
/// @param parts what the layers remember behind these tokens, in the order of the layers, as bits
///   of words of four bytes
public record SavedSession(ModelFingerprint model, TokenIds tokens, List<float[]> parts) {

  /// Takes a list that does not change.
  public SavedSession {
    parts = List.copyOf(parts);
  }

  /// Bytes of tokens and parts.
  public long bytes() {
    long words = tokens.size();
    for (float[] part : parts) {
      words += part.length;
    }
    return Float.BYTES * words;
  }
}
