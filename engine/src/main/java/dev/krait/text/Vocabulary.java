package dev.krait.text;

import dev.krait.error.EngineException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// The pieces of a tokenizer by id, as `tokenizer.json` spells them; an id may have none.
/// Immutable.
final class Vocabulary {
  /// Ids beyond this are taken for a broken file, not for a vocabulary.
  private static final int MAX_ID = (1 << 24) - 1;

  /// A piece: its id, its spelling in the file, and whether it is special.
  record Piece(int id, String text, boolean special) {}

  private final @Nullable String[] pieces;
  private final BitSet special = new BitSet();
  private final Map<String, Integer> ids;

  private Vocabulary(@Nullable String[] pieces, Map<String, Integer> ids) {
    this.pieces = pieces;
    this.ids = ids;
  }

  /// Later pieces replace earlier ones of the same id.
  static Vocabulary of(List<Piece> list) {
    int size = 0;
    for (Piece piece : list) {
      if (piece.id() < 0 || piece.id() > MAX_ID) {
        throw EngineException.invalidCheckpoint(
            "token id of '" + piece.text() + "': " + piece.id() + " (expected: 0.." + MAX_ID + ")");
      }
      size = Math.max(size, piece.id() + 1);
    }
    Vocabulary vocabulary = new Vocabulary(new String[size], HashMap.newHashMap(list.size()));
    for (Piece piece : list) {
      vocabulary.put(piece);
    }
    return vocabulary;
  }

  private void put(Piece piece) {
    pieces[piece.id()] = piece.text();
    ids.put(piece.text(), piece.id());
    special.set(piece.id(), piece.special());
  }

  /// Characters of the longest spelling. It has one for each byte, or one for each character, of
  /// the text that it stands for.
  int longest() {
    return ids.keySet().stream().mapToInt(String::length).max().orElse(0);
  }

  int size() {
    return pieces.length;
  }

  boolean has(int id) {
    return id >= 0 && id < pieces.length && pieces[id] != null;
  }

  String piece(int id) {
    String piece = id >= 0 && id < pieces.length ? pieces[id] : null;
    return piece == null ? "" : piece;
  }

  boolean isSpecial(int id) {
    return has(id) && special.get(id);
  }

  OptionalInt idOf(String piece) {
    Integer id = ids.get(piece);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  String fingerprint() {
    MessageDigest digest = sha256();
    for (int id = 0; id < pieces.length; id++) {
      if (has(id)) {
        byte[] text = piece(id).getBytes(StandardCharsets.UTF_8);
        String head = id + ":" + text.length + (special.get(id) ? "!" : ":");
        digest.update(head.getBytes(StandardCharsets.US_ASCII));
        digest.update(text);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  Optional<String> firstDifference(Vocabulary other) {
    List<String> differences = new ArrayList<>();
    for (int id = 0; id < Math.max(size(), other.size()) && differences.isEmpty(); id++) {
      if (has(id) != other.has(id)
          || !piece(id).equals(other.piece(id))
          || isSpecial(id) != other.isSpecial(id)) {
        differences.add("token " + id + ": " + describe(id) + " against " + other.describe(id));
      }
    }
    return differences.stream().findFirst();
  }

  private String describe(int id) {
    return has(id) ? "'" + piece(id) + "'" + (isSpecial(id) ? " (special)" : "") : "nothing";
  }
}
