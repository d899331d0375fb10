package dev.krait.backend;

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
/// Made by [Backend#newStep], with the device's copy of it where the backend needs one.
public class StepInputs {
  /// Rows of this step.
  public int tokens;

  /// Sequences of this step.
  public int sequences;

  /// Rows whose logits are wanted.
  public int outputs;

  /// Token id of each row.
  public final int[] tokenIds;

  /// Position of each row in its sequence.
  public final int[] positions;

  /// Sequence index of each row.
  public final int[] sequenceOf;

  /// The rows whose logits are wanted, in the order of their outputs.
  public final int[] outputRows;

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

  /// Arrays for the given limits.
  public StepInputs(int maxTokens, int maxSequences, int maxBlocks) {
    tokenIds = new int[maxTokens];
    positions = new int[maxTokens];
    sequenceOf = new int[maxTokens];
    outputRows = new int[maxTokens];
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

  /// Starts an empty step.
  public void clear() {
    tokens = 0;
    sequences = 0;
    outputs = 0;
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
