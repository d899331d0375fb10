package dev.krait.constraint;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Tokens as a tree of their bytes, laid out depth first. Immutable.
final class TokenTrie {
  final byte[] value;
  final short[] depth;

  /// The place behind everything below a place.
  final int[] behind;

  /// The tokens in the order of the places that they end at.
  final int[] tokens;

  /// Index of the first token that ends at a place or behind it, one more than there are places: a
  /// place and all below it have those up to the first one of the place behind.
  final int[] first;

  final int maxDepth;

  /// The tree of some tokens of a vocabulary.
  TokenTrie(List<Integer> ids, byte[] @Nullable [] vocabulary) {
    List<Integer> sorted =
        ids.stream()
            .sorted((a, b) -> Arrays.compareUnsigned(of(vocabulary, a), of(vocabulary, b)))
            .toList();
    int size = 0;
    byte[] before = {};
    for (int id : sorted) {
      byte[] bytes = of(vocabulary, id);
      size += bytes.length - common(before, bytes);
      before = bytes;
    }
    value = new byte[size];
    depth = new short[size];
    behind = new int[size];
    first = new int[size + 1];
    tokens = sorted.stream().mapToInt(Integer::intValue).toArray();
    maxDepth = ids.stream().mapToInt(id -> of(vocabulary, id).length).max().orElse(0);
    fill(vocabulary);
  }

  private static byte[] of(byte[] @Nullable [] vocabulary, int id) {
    return Objects.requireNonNull(vocabulary[id]);
  }

  private void fill(byte[] @Nullable [] vocabulary) {
    int[] path = new int[maxDepth];
    byte[] before = {};
    int at = 0;
    for (int index = 0; index < tokens.length; index++) {
      byte[] bytes = of(vocabulary, tokens[index]);
      int shared = common(before, bytes);
      for (int i = shared; i < before.length; i++) {
        behind[path[i]] = at;
      }
      for (int i = shared; i < bytes.length; i++) {
        value[at] = bytes[i];
        depth[at] = (short) i;
        first[at] = index;
        path[i] = at++;
      }
      before = bytes;
    }
    for (int i = 0; i < before.length; i++) {
      behind[path[i]] = at;
    }
    first[at] = tokens.length;
  }

  private static int common(byte[] one, byte[] other) {
    int mismatch = Arrays.mismatch(one, other);
    return mismatch < 0 ? one.length : mismatch;
  }
}
