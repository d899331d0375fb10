package dev.krait.runner;

import dev.krait.backend.LayerCache;
import dev.krait.backend.StepInputs;
import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.SamplingParams;
import dev.krait.loading.LoadedModel;
import dev.krait.runner.mixer.CacheTensors;
import java.util.List;

/// One model with its caches: collects the sequences of a step, runs it, and hands out chosen
/// tokens and logits.
///
/// Use: [#begin], [#add] for each sequence, [#choose] for rows behind which a token is wanted, then
/// [#requestLogits] for rows whose logits are needed, [#execute], and after [StepInputs#await] the
/// chosen tokens, or [#logits]. The next step may be begun before a step has been awaited; a
/// further one waits for it.
public final class ForwardPass {
  /// Floats that a block of logits may take, where they lie in caches of processors and where they
  /// lie in a device's own memory.
  private static final int LOGIT_FLOATS = 1 << 22;

  private static final int DEVICE_LOGIT_FLOATS = 1 << 25;

  private final LoadedModel model;
  private final StepInputs[] steps;
  private final Forward forward;
  private final Activations activations;
  private final CacheTensors caches;
  private final int maxTokens;
  private final int blockTokens;
  private final Runnable body = this::runBody;
  private final float[] row;
  private StepInputs inputs;
  private int begun;
  private int blockFirst;
  private int blockCount;

  /// Allocates caches and scratch memory.
  ///
  /// @param layout planned for this model and others
  /// @param maxTokens most tokens of a step
  public ForwardPass(LoadedModel model, CacheLayout layout, int maxTokens) {
    this(model, layout, maxTokens, false);
  }

  /// The same.
  ///
  /// @param probabilities whether the probabilities of chosen tokens are wanted
  public ForwardPass(LoadedModel model, CacheLayout layout, int maxTokens, boolean probabilities) {
    this.model = model;
    this.maxTokens = maxTokens;
    blockTokens = layout.demand().blockTokens();
    int maxBlocks = Math.max(1, layout.demand().blocksFor(layout.demand().maxModelTokens()));
    inputs = model.backend().newStep(maxTokens, layout.demand().maxSequences(), maxBlocks);
    steps = new StepInputs[] {inputs, inputs.twin()};
    int headRows = model.spec().headRows();
    int floats = model.backend().freeBytes().isPresent() ? DEVICE_LOGIT_FLOATS : LOGIT_FLOATS;
    int outputRows = Math.clamp(floats / headRows, 1, maxTokens);
    activations = new Activations(model.backend(), model.spec(), maxTokens, outputRows);
    caches = new CacheTensors(model.backend(), layout);
    forward = new Forward(model, activations, caches, maxTokens, probabilities);
    row = new float[headRows];
  }

  /// The model that runs.
  public LoadedModel model() {
    return model;
  }

  /// Caches of the layers that remember something, in order.
  public List<LayerCache> caches() {
    return caches.all();
  }

  /// Makes a copy within the caches of all layers.
  public void copy(CacheCopy copy) {
    caches.copy(copy);
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
    inputs = steps[begun++ & 1];
    inputs.await();
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
    inputs.usedBlocks = Math.max(inputs.usedBlocks, memory.blocks());
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
  ///
  /// @param tokenId `-1 - i` for what the step before chose for its output `i`
  public void setToken(int tokenRow, int tokenId) {
    inputs.tokenIds[tokenRow] = tokenId;
  }

  /// Asks for the token behind a row. Outputs are numbered in the order of the calls, those of
  /// [#requestLogits] come behind.
  ///
  /// @return the output's number
  public int choose(int tokenRow, SamplingParams sampling) {
    inputs.sampling[inputs.choices++] = sampling;
    return requestLogits(tokenRow);
  }

  /// Asks for the logits of a row.
  ///
  /// @return the output's number
  public int requestLogits(int tokenRow) {
    inputs.outputRows[inputs.outputs] = tokenRow;
    return inputs.outputs++;
  }

  /// Runs all layers over all rows, and the output head over the rows whose tokens are chosen and,
  /// as far as one block holds them, over those wanted.
  ///
  /// @return the step, to be awaited
  public StepInputs execute() {
    model.backend().run(inputs, body);
    blockFirst = lastBlock();
    blockCount = blockRows(blockFirst);
    return inputs;
  }

  private void runBody() {
    forward.run(inputs);
    for (int first = 0; first <= lastBlock(); first += activations.outputRows()) {
      int count = blockRows(first);
      if (count > 0) {
        forward.computeLogits(inputs, first, count);
        forward.choose(inputs, first, Math.min(count, inputs.choices - first));
      }
    }
  }

  /// The first output of the last block that is computed with the step: that of the last choice.
  private int lastBlock() {
    int before = Math.max(0, inputs.choices - 1);
    return before - before % activations.outputRows();
  }

  private int blockRows(int first) {
    return Math.min(activations.outputRows(), inputs.outputs - first);
  }

  /// The token that was chosen for an output of the step that was executed last; -1 where there was
  /// none to choose.
  public int chosen(int output) {
    inputs.await();
    return inputs.chosenIds[output];
  }

  /// The probability of [#chosen], where this pass wants probabilities.
  public float probability(int output) {
    return inputs.probabilities[output];
  }

  /// Logits of an output of the step that was executed last, in an array that the caller may change
  /// and that the next call overwrites.
  ///
  /// @return `[headRows]`
  public float[] logits(int output) {
    if (output < blockFirst || output >= blockFirst + blockCount) {
      blockFirst = output;
      blockCount = blockRows(output);
      forward.computeLogits(inputs, blockFirst, blockCount);
    }
    activations.logits().buffer().read((long) (output - blockFirst) * row.length, row);
    return row;
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
