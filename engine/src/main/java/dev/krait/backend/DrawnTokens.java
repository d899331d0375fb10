package dev.krait.backend;

import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.sampling.TokenSampler;
import org.jspecify.annotations.Nullable;

/// Tokens that are not greedy, for backends whose buffers lie in the Java heap.
public final class DrawnTokens {
  private @Nullable TokenSampler sampler;

  /// Draws the token of an output and keeps it in the step.
  ///
  /// @param row of the logits
  public void draw(ChooseArgs args, int row, StepInputs step, int output) {
    TokenSampler own = sampler;
    if (own == null || own.vocabSize() != args.columns()) {
      own = new TokenSampler(args.columns());
      sampler = own;
    }
    float[] values = HostBuffer.floats(args.logits().buffer());
    int from = args.logits().offset() + row * args.logits().stride();
    int token = own.draw(values, from, step.sampling[output], step.chosenPosition(output));
    step.choose(output, token, (float) own.probability());
  }
}
