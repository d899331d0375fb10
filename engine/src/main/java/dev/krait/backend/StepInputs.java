package dev.krait.backend;

import dev.krait.generation.SamplingParams;

/// Everything that changes from step to step, in arrays at fixed places.
///
/// A step computes `tokens` tokens of `sequences` sequences. Sequence `i` owns the rows
/// `[firstToken[i], firstToken[i] + tokenCount[i])`; the first of them has position
/// `firstPosition[i]`.
///
/// In time, a recurrent layer sees this, where `state` is what the slot holds before the step:
///
/// ```
///   state | fold | direct                    the state advances over these and is written once
///   state | fold | held | windowed           nothing is written for held and windowed tokens
/// ```
///
/// - `fold`: accepted tokens in the replay window, ending at `firstPosition - held`;
/// - `direct`: the first `directTokens` of the step's tokens, which cannot be rejected;
/// - `held`: unverified tokens in the window that are replayed for the new ones, ending at
///   `firstPosition`;
/// - `windowed`: the other tokens of the step; their inputs are stored in the window.
///
/// A sequence with direct tokens holds none. A state whose first token would be position 0 starts
/// from zero.
///
/// A step may choose the tokens behind some of its rows, see [Ops#chooseTokens]. They can be used
/// in the next step before the host knows them.
///
/// Made by [Backend#newStep], with the device's copy of it where the backend needs one.
public class StepInputs {
  /// Rows of this step.
  public int tokens;

  /// Sequences of this step.
  public int sequences;

  /// Rows whose logits are wanted.
  public int outputs;

  /// How many of the outputs, the first ones, have a token chosen for them.
  public int choices;

  /// Most key/value blocks that a sequence of this step has.
  public int usedBlocks;

  /// Token id of each row; `-1 - i` is the token that the step before chose for its output `i`.
  public final int[] tokenIds;

  /// Position of each row in its sequence.
  public final int[] positions;

  /// Sequence index of each row.
  public final int[] sequenceOf;

  /// The rows whose logits are wanted, in the order of their outputs.
  public final int[] outputRows;

  /// How the token of each output is chosen, for the first [#choices].
  public final SamplingParams[] sampling;

  /// The token of each output, for the first [#choices]; -1 where none can be chosen. Valid after
  /// [#await].
  public final int[] chosenIds;

  /// The probability of each chosen token where it was asked for.
  public final float[] probabilities;

  /// First row of each sequence.
  public final int[] firstToken;

  /// Rows of each sequence; 0 for a flush.
  public final int[] tokenCount;

  /// Position of a sequence's first row.
  public final int[] firstPosition;

  /// Rows of a sequence that cannot be rejected.
  public final int[] directTokens;

  /// Accepted window tokens that the state is advanced over.
  public final int[] foldTokens;

  /// Unverified window tokens that are replayed without being written.
  public final int[] heldTokens;

  /// State slot of each sequence; -1 without recurrent layers.
  public final int[] stateSlot;

  /// Key/value blocks: row `i * maxBlocks + b` is block `b` of sequence `i`.
  public final int[] blockTable;

  /// Width of a row of the block table.
  public final int maxBlocks;

  /// What the last step chose; one array for all twins.
  private final int[] lastChosenIds;

  /// Arrays for the given limits.
  public StepInputs(int maxTokens, int maxSequences, int maxBlocks) {
    this(maxTokens, maxSequences, maxBlocks, new int[maxTokens]);
  }

  private StepInputs(int maxTokens, int maxSequences, int maxBlocks, int[] lastChosenIds) {
    this.lastChosenIds = lastChosenIds;
    usedBlocks = maxBlocks;
    tokenIds = new int[maxTokens];
    positions = new int[maxTokens];
    sequenceOf = new int[maxTokens];
    outputRows = new int[maxTokens];
    sampling = new SamplingParams[maxTokens];
    chosenIds = new int[maxTokens];
    probabilities = new float[maxTokens];
    firstToken = new int[maxSequences];
    tokenCount = new int[maxSequences];
    firstPosition = new int[maxSequences];
    directTokens = new int[maxSequences];
    foldTokens = new int[maxSequences];
    heldTokens = new int[maxSequences];
    stateSlot = new int[maxSequences];
    blockTable = new int[maxSequences * maxBlocks];
    this.maxBlocks = maxBlocks;
  }

  /// Arrays of the same size for the step that follows: both are used in turn, so that one can be
  /// filled while the other is computed.
  public StepInputs twin() {
    return new StepInputs(tokenIds.length, firstToken.length, maxBlocks, lastChosenIds);
  }

  /// Starts an empty step.
  public void clear() {
    tokens = 0;
    sequences = 0;
    outputs = 0;
    choices = 0;
    usedBlocks = 0;
  }

  /// Waits until the step has been computed.
  public void await() {}

  /// The token id of a row, for backends that compute a step at once.
  public int tokenId(int row) {
    int id = tokenIds[row];
    return id >= 0 ? id : Math.max(0, lastChosenIds[-1 - id]);
  }

  /// Keeps the token of an output, for backends that compute a step at once.
  public void choose(int output, int tokenId, float probability) {
    chosenIds[output] = tokenId;
    lastChosenIds[output] = tokenId;
    probabilities[output] = probability;
  }

  /// Index in its sequence of the token that is chosen for an output.
  public int chosenPosition(int output) {
    return positions[outputRows[output]] + 1;
  }

  /// True when the state of a sequence starts from zero in this step.
  public boolean startsFresh(int sequence) {
    return firstPosition[sequence] - heldTokens[sequence] - foldTokens[sequence] == 0;
  }

  /// The block of a position of a sequence.
  public int block(int sequence, int position, int blockTokens) {
    return blockTable[sequence * maxBlocks + position / blockTokens];
  }
}
