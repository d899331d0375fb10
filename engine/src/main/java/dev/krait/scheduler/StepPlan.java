package dev.krait.scheduler;

import java.util.Arrays;

/// The work of one step: for each scheduled sequence, how many of its known tokens to compute and
/// how many drafts to verify.
///
/// Owned and refilled by the [Scheduler] (nothing is allocated per step); readers use it until the
/// step's output is taken.
///
/// Entry `i` covers the sequence's tokens `[firstPosition, firstPosition + tokens)`, where
/// `firstPosition` is what is already committed. When that reaches the last known token a new one
/// is chosen; with `draftTokens > 0` (then `tokens` is 1) up to that many drafted tokens follow and
/// are verified in the same step.
public final class StepPlan {
  private final Sequence[] sequences;
  private final int[] tokens;
  private final int[] draftTokens;
  private int size;
  private int totalTokens;

  /// An empty plan that holds up to `capacity` sequences.
  public StepPlan(int capacity) {
    sequences = new Sequence[capacity];
    tokens = new int[capacity];
    draftTokens = new int[capacity];
  }

  /// Number of scheduled sequences.
  public int size() {
    return size;
  }

  /// True when nothing is to be done.
  public boolean isEmpty() {
    return size == 0;
  }

  /// Known tokens to compute over all sequences, drafts included.
  public int totalTokens() {
    return totalTokens;
  }

  /// A scheduled sequence.
  public Sequence sequence(int index) {
    return sequences[index];
  }

  /// How many of its known tokens to compute, 1 or more.
  public int tokens(int index) {
    return tokens[index];
  }

  /// How many drafted tokens may follow them, 0 or more.
  public int draftTokens(int index) {
    return draftTokens[index];
  }

  /// True when the entry reaches the sequence's last known token, so that a new token is chosen.
  public boolean choosesToken(int index) {
    Sequence sequence = sequences[index];
    return sequence.computedTokens() + tokens[index] == sequence.tokens();
  }

  /// Empties the plan.
  public void clear() {
    Arrays.fill(sequences, 0, size, null);
    size = 0;
    totalTokens = 0;
  }

  /// Adds a sequence.
  public void add(Sequence sequence, int knownTokens, int drafts) {
    sequences[size] = sequence;
    tokens[size] = knownTokens;
    draftTokens[size] = drafts;
    size++;
    totalTokens += knownTokens + drafts;
  }
}
