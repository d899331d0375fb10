package dev.krait.constraint;

/// A set of bytes. Immutable.
record ByteSet(long a, long b, long c, long d) {
  static final ByteSet NONE = new ByteSet(0, 0, 0, 0);

  static ByteSet of(int value) {
    return range(value, value);
  }

  static ByteSet range(int first, int last) {
    long[] words = new long[4];
    for (int value = first; value <= last; value++) {
      words[value >> 6] |= 1L << (value & 63);
    }
    return new ByteSet(words[0], words[1], words[2], words[3]);
  }

  boolean has(int value) {
    long word =
        switch (value >> 6) {
          case 0 -> a;
          case 1 -> b;
          case 2 -> c;
          default -> d;
        };
    return (word >>> (value & 63) & 1) != 0;
  }

  ByteSet or(ByteSet o) {
    return new ByteSet(a | o.a, b | o.b, c | o.c, d | o.d);
  }

  ByteSet and(ByteSet o) {
    return new ByteSet(a & o.a, b & o.b, c & o.c, d & o.d);
  }
}
