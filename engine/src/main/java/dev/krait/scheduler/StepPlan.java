package dev.krait.scheduler;

import dev.krait.cache.pool.CacheCopy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The work of one step, as a value: which state slots to copy first, and for each scheduled
/// sequence, which of its known tokens to compute and how many drafts to verify.
///
/// Entry `i` covers the sequence's tokens `[firstPosition, firstPosition + tokens)`. When that
/// reaches the last known token a new one is chosen; with `draftTokens > 0` (then `tokens` is 1) up
/// to that many drafted tokens follow and are verified in the same step.
///
/// An entry may also compute the one token that the plan before chooses, before that is known.
///
/// What an entry says was copied when it was added and does not change with its sequence. The
/// [Scheduler] fills a plan and leaves it alone until the step's output has been taken; then it
/// fills it again, so that nothing is allocated for a step.
public final class StepPlan {
  private final Sequence[] sequences;
  private final int[] firstPositions;
  private final int[] tokens;
  private final int[] draftTokens;
  private final boolean[] choosesToken;
  private final int[] firstRows;
  private final int[] sourceEntries;
  private final List<CacheCopy> cacheCopies = new ArrayList<>();
  private int[] tokenIds = new int[64];
  private int size;
  private int rows;
  private int totalTokens;

  /// An empty plan that holds up to `capacity` sequences.
  public StepPlan(int capacity) {
    sequences = new Sequence[capacity];
    firstPositions = new int[capacity];
    tokens = new int[capacity];
    draftTokens = new int[capacity];
    choosesToken = new boolean[capacity];
    firstRows = new int[capacity];
    sourceEntries = new int[capacity];
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

  /// A scheduled sequence: its request, its memory and its logits processors.
  public Sequence sequence(int index) {
    return sequences[index];
  }

  /// Position of the first token to compute: what is committed or in flight before.
  public int firstPosition(int index) {
    return firstPositions[index];
  }

  /// How many of its known tokens to compute, 1 or more.
  public int tokens(int index) {
    return tokens[index];
  }

  /// Position behind the last token to compute.
  public int endPosition(int index) {
    return firstPositions[index] + tokens[index];
  }

  /// One of the tokens to compute, where they are known.
  ///
  /// @param offset 0 for the one at the first position
  public int tokenId(int index, int offset) {
    return tokenIds[firstRows[index] + offset];
  }

  /// The entry of the plan before whose new token is the one to compute, which is not known yet; -1
  /// when the tokens to compute are known.
  public int sourceEntry(int index) {
    return sourceEntries[index];
  }

  /// How many drafted tokens may follow them, 0 or more.
  public int draftTokens(int index) {
    return draftTokens[index];
  }

  /// True when drafted tokens may follow an entry's.
  public boolean hasDrafts() {
    for (int i = 0; i < size; i++) {
      if (draftTokens[i] > 0) {
        return true;
      }
    }
    return false;
  }

  /// True when the entry reaches the sequence's last known token, so that a new token is chosen.
  public boolean choosesToken(int index) {
    return choosesToken[index];
  }

  /// How many copies within the caches are made before anything is computed.
  public int cacheCopies() {
    return cacheCopies.size();
  }

  /// One of the copies; they are made in order.
  public CacheCopy cacheCopy(int index) {
    return cacheCopies.get(index);
  }

  /// Adds a copy, behind those that the plan has.
  public void add(CacheCopy copy) {
    cacheCopies.add(copy);
  }

  /// Empties the plan.
  public void clear() {
    Arrays.fill(sequences, 0, size, null);
    cacheCopies.clear();
    size = 0;
    rows = 0;
    totalTokens = 0;
  }

  /// Adds the token that the plan before chooses for a sequence, all of whose known tokens are
  /// committed or in flight.
  ///
  /// @param sourceEntry its entry in that plan
  public void addChosen(Sequence sequence, int sourceEntry) {
    addEntry(sequence, sequence.tokens(), 1);
    choosesToken[size] = true;
    sourceEntries[size++] = sourceEntry;
  }

  private void addEntry(Sequence sequence, int firstPosition, int count) {
    sequences[size] = sequence;
    firstPositions[size] = firstPosition;
    tokens[size] = count;
    draftTokens[size] = 0;
    firstRows[size] = rows;
    totalTokens += count;
  }

  /// Adds the next known tokens of a sequence, none of which is in flight.
  public void add(Sequence sequence, int knownTokens, int drafts) {
    int first = sequence.computedTokens();
    addEntry(sequence, first, knownTokens);
    draftTokens[size] = drafts;
    totalTokens += drafts;
    choosesToken[size] = first + knownTokens == sequence.tokens();
    sourceEntries[size] = -1;
    while (tokenIds.length < rows + knownTokens) {
      tokenIds = Arrays.copyOf(tokenIds, 2 * tokenIds.length);
    }
    for (int j = 0; j < knownTokens; j++) {
      tokenIds[rows++] = sequence.tokenAt(first + j);
    }
    size++;
  }
}
