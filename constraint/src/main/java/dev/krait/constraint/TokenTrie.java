package dev.krait.constraint;

import java.util.Arrays;
import java.util.List;

/// Tokens as a tree of their bytes, laid out depth first. Immutable.
final class TokenTrie {
  /// A token and its bytes.
  record Token(int id, byte[] bytes) {}

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

  TokenTrie(List<Token> tokens) {
    List<Token> sorted =
        tokens.stream().sorted((a, b) -> Arrays.compareUnsigned(a.bytes, b.bytes)).toList();
    int size = 0;
    byte[] before = {};
    for (Token each : sorted) {
      size += each.bytes.length - common(before, each.bytes);
      before = each.bytes;
    }
    value = new byte[size];
    depth = new short[size];
    behind = new int[size];
    first = new int[size + 1];
    this.tokens = sorted.stream().mapToInt(Token::id).toArray();
    maxDepth = sorted.stream().mapToInt(each -> each.bytes.length).max().orElse(0);
    fill(sorted);
  }

  private void fill(List<Token> sorted) {
    int[] path = new int[maxDepth];
    byte[] before = {};
    int at = 0;
    for (int index = 0; index < sorted.size(); index++) {
      byte[] bytes = sorted.get(index).bytes;
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
