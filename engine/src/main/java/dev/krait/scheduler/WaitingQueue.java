package dev.krait.scheduler;

import java.util.Iterator;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Sequences without memory: lower priority numbers first, first come first served within one.
///
/// A preempted sequence keeps its arrival and so returns to the front of its class. How many new
/// sequences may wait is bounded where they are submitted, before they get here.
final class WaitingQueue {
  private final TreeSet<ActiveSequence> sequences = new TreeSet<>();
  private long earliestDeadline = Long.MAX_VALUE;

  int size() {
    return sequences.size();
  }

  /// The first; none when it is empty.
  @Nullable ActiveSequence first() {
    return sequences.isEmpty() ? null : sequences.first();
  }

  /// The one behind a sequence, which may have left; none behind the last.
  @Nullable ActiveSequence after(ActiveSequence sequence) {
    return sequences.higher(sequence);
  }

  void add(ActiveSequence sequence) {
    sequences.add(sequence);
    noteDeadline(sequence);
  }

  void remove(ActiveSequence sequence) {
    sequences.remove(sequence);
  }

  /// Moves those whose deadline has passed to `expired`. Looks only when one may have.
  void takeExpired(long nowNanos, List<ActiveSequence> expired) {
    if (earliestDeadline == Long.MAX_VALUE || nowNanos - earliestDeadline < 0) {
      return;
    }
    earliestDeadline = Long.MAX_VALUE;
    Iterator<ActiveSequence> all = sequences.iterator();
    while (all.hasNext()) {
      ActiveSequence sequence = all.next();
      if (sequence.isExpired(nowNanos)) {
        all.remove();
        expired.add(sequence);
      } else {
        noteDeadline(sequence);
      }
    }
  }

  private void noteDeadline(ActiveSequence sequence) {
    long deadline = sequence.request().deadlineNanos();
    if (deadline != Long.MAX_VALUE
        && (earliestDeadline == Long.MAX_VALUE || deadline - earliestDeadline < 0)) {
      earliestDeadline = deadline;
    }
  }
}
