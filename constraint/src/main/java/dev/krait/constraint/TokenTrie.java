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

  /// The token that ends at a place; -1 for none.
  final int[] token;

  /// The next token of the same bytes, by token; -1 for none.
  final int[] same;

  final int maxDepth;

  TokenTrie(List<Token> tokens, int vocabulary) {
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
    token = new int[size];
    same = new int[vocabulary];
    Arrays.fill(token, -1);
    Arrays.fill(same, -1);
    maxDepth = sorted.stream().mapToInt(each -> each.bytes.length).max().orElse(0);
    fill(sorted);
  }

  private void fill(List<Token> sorted) {
    int[] path = new int[maxDepth];
    byte[] before = {};
    int at = 0;
    for (Token each : sorted) {
      int shared = common(before, each.bytes);
      for (int i = shared; i < before.length; i++) {
        behind[path[i]] = at;
      }
      for (int i = shared; i < each.bytes.length; i++) {
        value[at] = each.bytes[i];
        depth[at] = (short) i;
        path[i] = at++;
      }
      int place = path[each.bytes.length - 1];
      same[each.id] = token[place];
      token[place] = each.id;
      before = each.bytes;
    }
    for (int i = 0; i < before.length; i++) {
      behind[path[i]] = at;
    }
  }

  private static int common(byte[] one, byte[] other) {
    int mismatch = Arrays.mismatch(one, other);
    return mismatch < 0 ? one.length : mismatch;
  }
}
