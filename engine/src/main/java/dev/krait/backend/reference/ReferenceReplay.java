package dev.krait.backend.reference;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.StepInputs;
import java.util.Arrays;

/// The order in which a recurrent layer takes one sequence's tokens, whatever its recurrence: fold,
/// direct, held, windowed. See [StepInputs].
final class ReferenceReplay {

  /// One token at a time: its inputs are loaded from the step or from the window into one array,
  /// then the state advances over them.
  interface Recurrence {
    /// Fills the inputs of a row of the step, for the state before it.
    void load(int row, float[] state, int from);

    /// Advances `state[from ...]` over the inputs.
    void advance(float[] state, int from);

    /// Writes a row's output from the advanced state.
    void output(int row, float[] state, int from);
  }

  private final StateCache cache;
  private final StepInputs step;
  private final int sequence;
  private final int stateElements;
  private final float[] inputs;
  private final Recurrence recurrence;
  private float[] state;
  private int stateFrom;

  private ReferenceReplay(
      StateCache cache,
      StepInputs step,
      int sequence,
      int stateElements,
      float[] inputs,
      Recurrence recurrence) {
    this.cache = cache;
    this.step = step;
    this.sequence = sequence;
    this.stateElements = stateElements;
    this.inputs = inputs;
    this.recurrence = recurrence;
    state = HostBuffer.floats(cache.state());
    stateFrom = step.stateSlot[sequence] * stateElements;
  }

  /// Takes the tokens of one sequence.
  ///
  /// @param inputs scan inputs of one token, as they lie in the window; the recurrence fills and
  ///   reads the same array
  static void run(
      StateCache cache,
      StepInputs step,
      int sequence,
      int stateElements,
      float[] inputs,
      Recurrence recurrence) {
    new ReferenceReplay(cache, step, sequence, stateElements, inputs, recurrence).run();
  }

  private void run() {
    if (step.startsFresh(sequence)) {
      Arrays.fill(state, stateFrom, stateFrom + stateElements, 0);
    }
    int heldFrom = step.firstPosition[sequence] - step.heldTokens[sequence];
    replay(heldFrom - step.foldTokens[sequence], step.foldTokens[sequence]);
    int direct = step.directTokens[sequence];
    for (int j = 0; j < step.tokenCount[sequence]; j++) {
      if (j == direct) {
        state = Arrays.copyOfRange(state, stateFrom, stateFrom + stateElements);
        stateFrom = 0;
        replay(heldFrom, step.heldTokens[sequence]);
      }
      int row = step.firstToken[sequence] + j;
      recurrence.load(row, state, stateFrom);
      if (j >= direct) {
        int to = windowFrom(step.firstPosition[sequence] + j);
        System.arraycopy(inputs, 0, HostBuffer.floats(cache.window()), to, inputs.length);
      }
      recurrence.advance(state, stateFrom);
      recurrence.output(row, state, stateFrom);
    }
  }

  private void replay(int firstPosition, int tokens) {
    for (int j = 0; j < tokens; j++) {
      int from = windowFrom(firstPosition + j);
      System.arraycopy(HostBuffer.floats(cache.window()), from, inputs, 0, inputs.length);
      recurrence.advance(state, stateFrom);
    }
  }

  private int windowFrom(int position) {
    int slotRow = step.stateSlot[sequence] * cache.windowTokens();
    return (slotRow + position % cache.windowTokens()) * inputs.length;
  }
}
