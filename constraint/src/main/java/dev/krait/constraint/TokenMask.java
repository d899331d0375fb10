package dev.krait.constraint;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// The tokens that may come next. Immutable.
public final class TokenMask {
  /// Bits of tokens, shared by many masks; null for none.
  private final long @Nullable [] words;

  private final int[] others;

  TokenMask(long @Nullable [] words, int[] others) {
    this.words = words;
    this.others = others;
  }

  long @Nullable [] words() {
    return words;
  }

  public boolean allows(int id) {
    if (words != null && id >> 6 < words.length && (words[id >> 6] >>> (id & 63) & 1) != 0) {
      return true;
    }
    for (int other : others) {
      if (other == id) {
        return true;
      }
    }
    return false;
  }

  /// How many tokens are allowed; those in both parts count once.
  public int count() {
    return toBitSet().cardinality();
  }

  public BitSet toBitSet() {
    BitSet set = words == null ? new BitSet() : BitSet.valueOf(words);
    for (int other : others) {
      set.set(other);
    }
    return set;
  }

  /// Sets the logits of all other tokens to minus infinity, those of `ends` to it as well unless
  /// the text may end.
  public void apply(float[] logits, int[] ends, boolean mayEnd) {
    float[] kept = new float[others.length];
    for (int i = 0; i < others.length; i++) {
      kept[i] = others[i] < logits.length ? logits[others[i]] : 0;
    }
    float[] ending = new float[ends.length];
    for (int i = 0; i < ends.length; i++) {
      ending[i] = mayEnd && ends[i] < logits.length ? logits[ends[i]] : Float.NEGATIVE_INFINITY;
    }
    for (int base = 0; base < logits.length; base += 64) {
      long word = words != null && base >> 6 < words.length ? words[base >> 6] : 0;
      int last = Math.min(64, logits.length - base);
      for (int bit = 0; word != -1 && bit < last; bit++) {
        if ((word >>> bit & 1) == 0) {
          logits[base + bit] = Float.NEGATIVE_INFINITY;
        }
      }
    }
    for (int i = 0; i < others.length; i++) {
      if (others[i] < logits.length) {
        logits[others[i]] = kept[i];
      }
    }
    for (int i = 0; i < ends.length; i++) {
      if (ends[i] < logits.length) {
        logits[ends[i]] = ending[i];
      }
    }
  }
}
