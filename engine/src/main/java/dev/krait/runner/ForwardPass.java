package dev.krait.runner;

import dev.krait.backend.LayerCache;
import dev.krait.backend.StepInputs;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.loading.LoadedModel;
import dev.krait.runner.mixer.CacheTensors;
import java.util.List;

/// One model with its caches: collects the sequences of a step, runs it, and hands out logits.
///
/// Use: [#begin], [#add] for each sequence, [#want] for rows whose logits are needed, [#execute],
/// [#logits].
public final class ForwardPass {
  /// Floats that a block of logits may take.
  private static final int LOGIT_FLOATS = 1 << 22;

  private final LoadedModel model;
  private final StepInputs inputs;
  private final Forward forward;
  private final Activations activations;
  private final CacheTensors caches;
  private final int maxTokens;
  private final int blockTokens;
  private final Runnable body = this::runBody;
  private final float[] row;
  private final int[] largest;
  private int blockFirst;
  private int blockCount;
  private boolean largestKnown;
  private final float[] probabilities;
  private boolean probabilitiesKnown;

  /// Allocates caches and scratch memory.
  ///
  /// @param layout planned for this model and others
  /// @param maxTokens most tokens of a step
  public ForwardPass(LoadedModel model, CacheLayout layout, int maxTokens) {
    this.model = model;
    this.maxTokens = maxTokens;
    blockTokens = layout.demand().blockTokens();
    int maxBlocks = Math.max(1, layout.demand().blocksFor(layout.demand().maxModelTokens()));
    inputs = model.backend().newStep(maxTokens, layout.demand().maxSequences(), maxBlocks);
    int headRows = model.spec().headRows();
    int outputRows = Math.clamp(LOGIT_FLOATS / headRows, 1, maxTokens);
    activations = new Activations(model.backend(), model.spec(), maxTokens, outputRows);
    caches = new CacheTensors(model.backend(), layout);
    forward = new Forward(model, activations, caches, maxTokens);
    row = new float[headRows];
    largest = new int[outputRows];
    probabilities = new float[outputRows];
  }

  /// The model that runs.
  public LoadedModel model() {
    return model;
  }

  /// Caches of the layers that remember something, in order.
  public List<LayerCache> caches() {
    return caches.all();
  }

  /// Copies the states and convolution rings of a slot to another; not the replay window.
  public void copySlot(int from, int to) {
    forward.copySlot(from, to);
  }

  /// Rows that the step can still take.
  public int room() {
    return maxTokens - inputs.tokens;
  }

  /// True when the step has no sequence.
  public boolean isEmpty() {
    return inputs.sequences == 0;
  }

  /// Starts an empty step.
  public void begin() {
    inputs.clear();
    blockCount = 0;
  }

  /// Adds a sequence; the caller then fills [#setToken] for its rows.
  ///
  /// @param memory where the sequence's state and blocks are
  /// @param firstPosition position of its first token of this step
  /// @param tokens rows; 0 flushes
  /// @param direct how many of them cannot be rejected
  /// @param fold accepted tokens in the replay window, see [StepInputs]
  /// @param held unverified tokens in the replay window
  /// @return its first row
  public int add(
      SequenceCache memory, int firstPosition, int tokens, int direct, int fold, int held) {
    int sequence = inputs.sequences++;
    int first = inputs.tokens;
    inputs.tokens += tokens;
    inputs.firstToken[sequence] = first;
    inputs.tokenCount[sequence] = tokens;
    inputs.firstPosition[sequence] = firstPosition;
    inputs.directTokens[sequence] = direct;
    inputs.foldTokens[sequence] = fold;
    inputs.heldTokens[sequence] = held;
    inputs.stateSlot[sequence] = memory.stateSlot();
    for (int i = 0; i < memory.blocks(); i++) {
      inputs.blockTable[sequence * inputs.maxBlocks + i] = memory.block(i);
    }
    for (int j = 0; j < tokens; j++) {
      inputs.positions[first + j] = firstPosition + j;
      inputs.sequenceOf[first + j] = sequence;
    }
    return first;
  }

  /// Sets the token id of a row.
  public void setToken(int tokenRow, int tokenId) {
    inputs.tokenIds[tokenRow] = tokenId;
  }

  /// Asks for the logits of a row; outputs are numbered in the order of the calls.
  ///
  /// @return the output's number
  public int want(int tokenRow) {
    inputs.outputRows[inputs.outputs] = tokenRow;
    return inputs.outputs++;
  }

  /// Runs all layers over all rows, and the output head over the first block of wanted rows.
  public void execute() {
    model.backend().run(inputs, body);
    blockFirst = 0;
    blockCount = Math.min(activations.outputRows(), inputs.outputs);
    largestKnown = false;
    probabilitiesKnown = false;
  }

  private void runBody() {
    forward.run(inputs);
    int first = Math.min(activations.outputRows(), inputs.outputs);
    if (first > 0) {
      forward.head(inputs, 0, first);
    }
  }

  /// Logits of an output, in an array that the caller may change and that the next call overwrites.
  ///
  /// @return `[headRows]`
  public float[] logits(int output) {
    require(output);
    activations.logits().buffer().read((long) (output - blockFirst) * row.length, row);
    return row;
  }

  /// The token of an output's largest logit, the smallest of equals; -1 when no logit is a finite
  /// number.
  public int argMax(int output) {
    require(output);
    if (!largestKnown) {
      forward.argMax(largest, null, blockCount);
      largestKnown = true;
    }
    return largest[output - blockFirst];
  }

  /// The probability of [#argMax], softmax over the vocabulary; not defined where that is -1.
  public float probabilityOfLargest(int output) {
    require(output);
    if (!probabilitiesKnown) {
      forward.argMax(largest, probabilities, blockCount);
      largestKnown = true;
      probabilitiesKnown = true;
    }
    return probabilities[output - blockFirst];
  }

  /// Computes the block of logits that an output lies in, unless it is there.
  private void require(int output) {
    if (output < blockFirst || output >= blockFirst + blockCount) {
      blockFirst = output;
      blockCount = Math.min(activations.outputRows(), inputs.outputs - output);
      forward.head(inputs, blockFirst, blockCount);
      largestKnown = false;
      probabilitiesKnown = false;
    }
  }

  /// Most rows of a step.
  public int maxTokens() {
    return maxTokens;
  }

  /// Longest sequence, in whole blocks.
  int maxPositions() {
    return inputs.maxBlocks * blockTokens;
  }

  /// Key/value blocks of so many tokens, at most those of the longest sequence.
  int blocksFor(int tokens) {
    return Math.min(Math.ceilDiv(tokens, blockTokens), inputs.maxBlocks);
  }
}
