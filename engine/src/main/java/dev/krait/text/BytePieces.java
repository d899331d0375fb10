package dev.krait.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Puts together tokens whose bytes are known: holds back the bytes of an unfinished character, at
/// most three of them.
final class BytePieces implements IncrementalDecoder.Pieces {
  private static final byte[] NOTHING = {};

  private final TokenCodec codec;
  private byte[] held = NOTHING;
  private boolean stripSpace;

  BytePieces(TokenCodec codec) {
    this.codec = codec;
  }

  @Override
  public void start(int[] context, boolean afterText) {
    stripSpace = codec.stripsFirstSpace() && !afterText;
  }

  @Override
  public String push(int id) {
    String broken = "";
    if (held.length > 0
        && codec.kind() == TokenCodec.Kind.BYTE_FALLBACK
        && !codec.isFallbackByte(id)) {
      broken = flush();
    }
    byte[] token = codec.bytes(id);
    byte[] bytes = Arrays.copyOf(held, held.length + token.length);
    System.arraycopy(token, 0, bytes, held.length, token.length);
    int whole = bytes.length - unfinished(bytes);
    held = whole == bytes.length ? NOTHING : Arrays.copyOfRange(bytes, whole, bytes.length);
    return withoutFirstSpace(broken + text(Arrays.copyOf(bytes, whole)));
  }

  @Override
  public String flush() {
    String rest =
        codec.kind() == TokenCodec.Kind.BYTE_FALLBACK ? "\ufffd".repeat(held.length) : text(held);
    held = NOTHING;
    return rest;
  }

  private String withoutFirstSpace(String text) {
    if (!stripSpace || text.isEmpty()) {
      return text;
    }
    stripSpace = false;
    return text.startsWith(" ") ? text.substring(1) : text;
  }

  /// Decodes with one U+FFFD for every part that cannot begin a character, as the tokenizers
  /// library does. Java agrees except for encoded surrogates, which it takes as one part, so their
  /// lead byte is made one that never fits.
  private static String text(byte[] bytes) {
    for (int i = 0; i + 1 < bytes.length; i++) {
      if ((bytes[i] & 0xff) == 0xed && bytes[i + 1] < (byte) 0xc0 && bytes[i + 1] >= (byte) 0xa0) {
        bytes[i] = (byte) 0xff;
      }
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /// How many bytes at the end may become a character with the bytes to come.
  private static int unfinished(byte[] bytes) {
    for (int back = 1; back <= Math.min(3, bytes.length); back++) {
      int lead = bytes[bytes.length - back] & 0xff;
      if (lead < 0x80) {
        return 0;
      }
      if (lead >= 0xc0) {
        int needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        boolean possible = lead >= 0xc2 && lead <= 0xf4 && back < needed;
        return possible && (back < 2 || secondFits(lead, bytes[bytes.length - back + 1] & 0xff))
            ? back
            : 0;
      }
    }
    return 0;
  }

  /// Four lead bytes restrict the byte after them: no overlong forms, surrogates or values beyond
  /// Unicode.
  private static boolean secondFits(int lead, int second) {
    return switch (lead) {
      case 0xe0 -> second >= 0xa0;
      case 0xed -> second < 0xa0;
      case 0xf0 -> second >= 0x90;
      case 0xf4 -> second < 0x90;
      default -> true;
    };
  }
}
