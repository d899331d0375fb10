package dev.krait.scheduler;

import org.jspecify.annotations.Nullable;

/// The running sequences in order of rank: the first is served first and preempted last.
final class RunningList {
  private final @Nullable ActiveSequence[] sequences;
  private int size;

  RunningList(int capacity) {
    sequences = new ActiveSequence[capacity];
  }

  int size() {
    return size;
  }

  ActiveSequence at(int index) {
    ActiveSequence sequence = sequences[index];
    if (sequence == null) {
      throw new IndexOutOfBoundsException(index + " of " + size);
    }
    return sequence;
  }

  ActiveSequence last() {
    return at(size - 1);
  }

  /// One that ranks before a waiting sequence computes a part of its prompt. As that one gets on
  /// first, nothing is lost by waiting for it; when it goes before it is done, the wait is over.
  boolean isComputing(ActiveSequence waiting) {
    if (waiting.reportsPrompt()) {
      return false;
    }
    for (int i = 0; i < size && at(i).compareTo(waiting) < 0; i++) {
      if (at(i).memory().isWorthAwaiting(waiting.prefixKey())) {
        return true;
      }
    }
    return false;
  }

  void add(ActiveSequence sequence) {
    int index = size;
    while (index > 0 && at(index - 1).compareTo(sequence) > 0) {
      sequences[index] = sequences[index - 1];
      index--;
    }
    sequences[index] = sequence;
    size++;
  }

  void remove(ActiveSequence sequence) {
    int index = 0;
    while (at(index) != sequence) {
      index++;
    }
    System.arraycopy(sequences, index + 1, sequences, index, size - index - 1);
    sequences[--size] = null;
  }
}
