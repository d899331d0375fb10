package dev.krait.scheduler;

import java.util.Arrays;
import java.util.function.LongConsumer;

/// Ids of sequences whose memory was given back, until the runner is told.
final class ReleasedIds {
  private long[] ids = new long[16];
  private int size;

  void add(long id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
  }

  void take(LongConsumer consumer) {
    for (int i = 0; i < size; i++) {
      consumer.accept(ids[i]);
    }
    size = 0;
  }
}
