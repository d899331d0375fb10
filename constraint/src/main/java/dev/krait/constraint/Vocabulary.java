package dev.krait.constraint;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The bytes of a model's tokens, prepared for masks. Immutable; made once for a model.
public final class Vocabulary {
  private final byte[] @Nullable [] tokens;

  /// Tokens of whole characters that stand for themselves in a JSON string.
  final TokenTrie plain;

  /// All others with bytes.
  final TokenTrie others;

  /// Of the plain tokens those of at most so many characters, as bits.
  private final long[][] upTo;

  /// Tokens without bytes (null or none), such as special ones, are never allowed.
  public Vocabulary(byte[] @Nullable [] tokens) {
    this.tokens = tokens.clone();
    List<Integer> plainTokens = new ArrayList<>();
    List<Integer> otherTokens = new ArrayList<>();
    List<Integer> lengths = new ArrayList<>();
    int longest = 0;
    for (int id = 0; id < tokens.length; id++) {
      byte[] bytes = tokens[id];
      if (bytes != null && bytes.length > 0) {
        int length = plainLength(bytes);
        (length > 0 ? plainTokens : otherTokens).add(id);
        if (length > 0) {
          lengths.add(length);
          longest = Math.max(longest, length);
        }
      }
    }
    plain = new TokenTrie(plainTokens, tokens);
    others = new TokenTrie(otherTokens, tokens);
    upTo = new long[longest + 1][(tokens.length + 63) / 64];
    for (int i = 0; i < plainTokens.size(); i++) {
      int id = plainTokens.get(i);
      upTo[lengths.get(i)][id >> 6] |= 1L << (id & 63);
    }
    for (int length = 1; length <= longest; length++) {
      for (int i = 0; i < upTo[length].length; i++) {
        upTo[length][i] |= upTo[length - 1][i];
      }
    }
  }

  /// Characters of a plain token; 0 for others.
  private static int plainLength(byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      boolean plain = text.chars().allMatch(c -> c >= 0x20 && c != '"' && c != '\\');
      return plain ? text.codePointCount(0, text.length()) : 0;
    } catch (CharacterCodingException e) {
      return 0;
    }
  }

  public int size() {
    return tokens.length;
  }

  /// The bytes of a token; none for one that is never allowed.
  public byte[] bytes(int id) {
    byte[] bytes = id >= 0 && id < tokens.length ? tokens[id] : null;
    return bytes == null ? new byte[0] : bytes.clone();
  }

  byte @Nullable [] shared(int id) {
    return id >= 0 && id < tokens.length ? tokens[id] : null;
  }

  /// The plain tokens of at most so many characters; -1 for all.
  long[] plainUpTo(int characters) {
    return upTo[characters < 0 ? upTo.length - 1 : Math.min(characters, upTo.length - 1)];
  }
}
