package dev.krait.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// How the pieces of a vocabulary stand for bytes, where the decoder of `tokenizer.json` is one of
/// the two common kinds; others are left to the tokenizers library. Immutable.
final class TokenCodec {
  /// The decoder of a tokenizer.
  enum Kind {
    /// Every character of a piece is one byte, in the alphabet of GPT-2.
    BYTE_LEVEL,
    /// Pieces are texts with a mark for spaces, and `<0xAB>` is one byte.
    BYTE_FALLBACK,
    /// Anything else.
    OTHER
  }

  private static final byte[] NOTHING = {};
  private static final short[] BYTE_OF_CHARACTER = byteOfCharacter();

  private final Kind kind;
  private final String space;
  private final boolean stripsFirstSpace;
  private final Vocabulary vocabulary;

  private TokenCodec(Kind kind, String space, boolean stripsFirstSpace, Vocabulary vocabulary) {
    this.kind = kind;
    this.space = space;
    this.stripsFirstSpace = stripsFirstSpace;
    this.vocabulary = vocabulary;
  }

  static TokenCodec of(JsonNode decoder, Vocabulary vocabulary) {
    List<JsonNode> steps = new ArrayList<>();
    flatten(decoder, steps);
    List<String> types = steps.stream().map(step -> step.path("type").asString("")).toList();
    if (types.equals(List.of("ByteLevel"))) {
      return new TokenCodec(Kind.BYTE_LEVEL, "", false, vocabulary);
    }
    boolean strips = types.equals(List.of("Replace", "ByteFallback", "Fuse", "Strip"));
    if (strips || types.equals(List.of("Replace", "ByteFallback", "Fuse"))) {
      JsonNode replace = steps.getFirst();
      String space = replace.path("pattern").path("String").asString("");
      boolean spaces = !space.isEmpty() && replace.path("content").asString("").equals(" ");
      if (spaces && (!strips || stripsOneSpace(steps.getLast()))) {
        return new TokenCodec(Kind.BYTE_FALLBACK, space, strips, vocabulary);
      }
    }
    return new TokenCodec(Kind.OTHER, "", false, vocabulary);
  }

  private static void flatten(JsonNode decoder, List<JsonNode> steps) {
    if (decoder.path("type").asString("").equals("Sequence")) {
      decoder.path("decoders").forEach(step -> flatten(step, steps));
    } else {
      steps.add(decoder);
    }
  }

  private static boolean stripsOneSpace(JsonNode strip) {
    return strip.path("content").asString("").equals(" ")
        && strip.path("start").asInt(0) == 1
        && strip.path("stop").asInt(0) == 0;
  }

  Kind kind() {
    return kind;
  }

  /// Whether a whole text loses the space it starts with.
  boolean stripsFirstSpace() {
    return stripsFirstSpace;
  }

  /// Whether the piece is a byte that only makes a character together with its neighbours, as a
  /// run.
  boolean isFallbackByte(int id) {
    return kind == Kind.BYTE_FALLBACK && fallbackByte(vocabulary.piece(id)) >= 0;
  }

  /// The bytes of a token; none for ids without a piece. Not for [Kind#OTHER].
  byte[] bytes(int id) {
    if (!vocabulary.has(id)) {
      return NOTHING;
    }
    String piece = vocabulary.piece(id);
    return kind == Kind.BYTE_LEVEL ? byteLevel(piece) : byteFallback(piece);
  }

  private byte[] byteFallback(String piece) {
    int single = fallbackByte(piece);
    return single >= 0
        ? new byte[] {(byte) single}
        : piece.replace(space, " ").getBytes(StandardCharsets.UTF_8);
  }

  private static int fallbackByte(String piece) {
    if (piece.length() != 6 || !piece.startsWith("<0x") || piece.charAt(5) != '>') {
      return -1;
    }
    int high = Character.digit(piece.charAt(3), 16);
    int low = Character.digit(piece.charAt(4), 16);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
  }

  /// A piece with a character outside of the alphabet stands for itself.
  private static byte[] byteLevel(String piece) {
    byte[] bytes = new byte[piece.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = piece.charAt(i);
      if (c >= BYTE_OF_CHARACTER.length || BYTE_OF_CHARACTER[c] < 0) {
        return piece.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) BYTE_OF_CHARACTER[c];
    }
    return bytes;
  }

  /// GPT-2 writes printable Latin-1 bytes as themselves and the other 68 as U+0100 and up.
  private static short[] byteOfCharacter() {
    short[] bytes = new short[0x100 + 68];
    Arrays.fill(bytes, (short) -1);
    int next = 0x100;
    for (int value = 0; value < 0x100; value++) {
      boolean printable = (value >= '!' && value <= '~') || (value >= 0xa1 && value != 0xad);
      bytes[printable ? value : next++] = (short) value;
    }
    return bytes;
  }
}
