package dev.krait.speculation;

import java.util.Arrays;

/// By batch size, whether several sequences draft: only after drafting has promised more for a
/// number of steps and that was confirmed. Each disappointment doubles the number, up to a limit; a
/// long time of drafting forgives them.
final class DraftTrust {
  private static final int MIN_STEPS = 24;
  private static final int MAX_STEPS = 32 * MIN_STEPS;
  private static final int FORGIVING_STEPS = 256;

  /// Larger batches count as this one.
  private static final int MAX_BATCH = 64;

  private final int[] promising = new int[MAX_BATCH + 1];
  private final int[] needed = new int[MAX_BATCH + 1];
  private final boolean[] confirmed = new boolean[MAX_BATCH + 1];

  DraftTrust() {
    Arrays.fill(needed, MIN_STEPS);
  }

  private static int index(int running) {
    return Math.min(running, MAX_BATCH);
  }

  /// True when sequences draft.
  boolean holds(int running) {
    return confirmed[index(running)];
  }

  /// Notes whether drafting promises more at the end of a step.
  ///
  /// @return true when it has done so for long enough
  boolean observe(int running, boolean promises) {
    int batch = index(running);
    if (promises) {
      promising[batch]++;
      if (confirmed[batch] && promising[batch] > FORGIVING_STEPS) {
        needed[batch] = MIN_STEPS;
      }
      return promising[batch] >= needed[batch];
    }
    if (promising[batch] >= needed[batch]) {
      needed[batch] = Math.min(2 * needed[batch], MAX_STEPS);
    }
    promising[batch] = 0;
    confirmed[batch] = false;
    return false;
  }

  /// Notes that what was promised agrees with times of now.
  void confirm(int running) {
    confirmed[index(running)] = true;
  }
}
