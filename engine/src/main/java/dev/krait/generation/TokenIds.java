package dev.krait.generation;

import java.util.Arrays;

/// An immutable list of token ids.
public final class TokenIds {
  private static final TokenIds EMPTY = new TokenIds(new int[0]);

  private final int[] ids;

  private TokenIds(int[] ids) {
    this.ids = ids;
  }

  /// No ids.
  public static TokenIds empty() {
    return EMPTY;
  }

  /// A copy of the given ids.
  public static TokenIds of(int... ids) {
    return new TokenIds(ids.clone());
  }

  /// A copy of the ids at `[from, to)` of an array.
  public static TokenIds copyOf(int[] ids, int from, int to) {
    return new TokenIds(Arrays.copyOfRange(ids, from, to));
  }

  /// A copy of the ids at `[from, to)`.
  public TokenIds slice(int from, int to) {
    return copyOf(ids, from, to);
  }

  /// Number of ids.
  public int size() {
    return ids.length;
  }

  /// One id.
  public int at(int index) {
    return ids[index];
  }

  /// How many ids both start with alike.
  public int commonTokens(TokenIds other) {
    int mismatch = Arrays.mismatch(ids, other.ids);
    return mismatch < 0 ? ids.length : mismatch;
  }

  /// True when the id is in the list.
  public boolean contains(int id) {
    for (int candidate : ids) {
      if (candidate == id) {
        return true;
      }
    }
    return false;
  }

  /// A copy as an array.
  public int[] toArray() {
    return ids.clone();
  }

  /// Copies all ids to `target[offset ...]`.
  public void copyTo(int[] target, int offset) {
    System.arraycopy(ids, 0, target, offset, ids.length);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenIds that && Arrays.equals(ids, that.ids);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids);
  }

  @Override
  public String toString() {
    return Arrays.toString(ids);
  }
}
