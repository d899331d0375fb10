package dev.krait.backend;

import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.generation.SamplingParams;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

/// Choices of tokens: greedy and drawn, with every filter, ties, infinities and NaN; and steps that
/// take the tokens of the step before.
final class ChoiceScenarios {
  private static final int PADDING = 5;
  private static final int FIRST_POSITION = 40;
  private static final SamplingParams GREEDY = SamplingParams.greedy();

  private ChoiceScenarios() {}

  static void add(List<Scenario> all) {
    for (int columns : new int[] {1, 2, 31, 1000, 1024, 5000}) {
      greedy(all, columns);
    }
    for (int columns : new int[] {1, 2, 31, 1000, 4096, 50_000}) {
      all.add(
          new Scenario(
              "greedy choice with probability of " + columns,
              OpScenarios.ATTENTION,
              bench -> {
                float[] logits = bench.values(5 * (columns + PADDING), 8);
                choose(bench, logits, true, i -> GREEDY, columns);
              }));
    }
    for (int columns : new int[] {1, 2, 33, 700, 5000, 50_000}) {
      for (float scale : new float[] {0.5f, 4, 40}) {
        drawn(all, columns, scale);
      }
    }
    chained(all);
  }

  /// Equal values, infinities, NaN, and padding behind the last column.
  private static void greedy(List<Scenario> all, int columns) {
    all.add(
        new Scenario(
            "greedy choice of " + columns,
            OpScenarios.EXACT,
            bench -> {
              choose(bench, damaged(bench, 9, columns, 4), false, i -> GREEDY, columns);
            }));
  }

  /// Every filter on rows with and without ties.
  private static void drawn(List<Scenario> all, int columns, float scale) {
    all.add(
        new Scenario(
            "drawn choice of " + columns + " with logits up to " + scale,
            OpScenarios.ATTENTION,
            bench -> {
              float[] logits = damaged(bench, 5 * MIXES.length, columns, scale);
              choose(bench, logits, true, i -> mix(i, columns), columns);
            }));
  }

  /// Rounded in every second row; the first row is all minus infinity, the second has a NaN and the
  /// third an infinity.
  private static float[] damaged(OpRig bench, int rows, int columns, float scale) {
    int stride = columns + PADDING;
    float[] values = bench.values(rows * stride, scale);
    for (int i = 0; i < values.length; i++) {
      boolean tied = i / stride % 2 == 0;
      values[i] = i % stride >= columns ? 100 : tied ? Math.round(values[i]) : values[i];
    }
    Arrays.fill(values, 0, columns, Float.NEGATIVE_INFINITY);
    values[stride] = Float.NaN;
    values[2 * stride + columns / 2] = Float.POSITIVE_INFINITY;
    return values;
  }

  /// Temperature, top-k, top-p and min-p.
  private static final float[][] MIXES = {
    {1, 0, 1, 0},
    {0.7f, 0, 1, 0},
    {0.7f, 0, 0.9f, 0},
    {1.5f, 0, 0.3f, 0},
    {1, 1, 1, 0},
    {1, 7, 1, 0},
    {0.8f, 50, 0.95f, 0},
    {1, 3, 0.4f, 0},
    {2, 100_000, 0.999f, 0},
    {1, 0, 1, 0.1f},
    {0.9f, 20, 0.9f, 0.05f},
    {0, 5, 0.5f, 0},
    {0.01f, 0, 0.99f, 0},
    {100, 0, 0.5f, 0},
  };

  private static SamplingParams mix(int row, int columns) {
    float[] mix = MIXES[row % MIXES.length];
    long seed = 0x9E3779B97F4A7C15L * (row + columns);
    return SamplingParams.of(set -> {
      set.temperature = mix[0];
      set.topK = (int) mix[1];
      set.topP = mix[2];
      set.minP = mix[3];
      set.seed = seed;
    });
  }

  /// Tokens that one step chose are the next one's input; where none was chosen it is token 0.
  private static void chained(List<Scenario> all) {
    all.add(
        new Scenario(
            "embed what the step before chose",
            OpScenarios.EXACT,
            bench -> {
              int columns = 77;
              WeightMatrix table = bench.matrix(columns, 19, DType.BF16);
              Rows logits =
                  Rows.of(bench.bufferOf(damaged(bench, 6, columns, 4)), columns + PADDING);
              ChooseArgs args = new ChooseArgs(logits, columns, false);
              Rows dst = bench.output(6, 19);
              StepInputs step = step(bench, i -> mix(i, columns), 6);
              StepInputs next = step.twin();
              bench.run(step, () -> bench.ops().chooseTokens(args, step, 0, 6));
              next.tokens = 6;
              next.sequences = 1;
              next.tokenCount[0] = 6;
              for (int i = 0; i < 6; i++) {
                next.tokenIds[i] = i == 3 ? 42 : -6 + i;
              }
              bench.run(next, () -> bench.ops().embed(dst, table, next));
            }));
  }

  private static StepInputs step(OpRig bench, IntFunction<SamplingParams> sampling, int rows) {
    StepInputs step = bench.step(rows, FIRST_POSITION);
    step.outputs = rows;
    step.choices = rows;
    for (int i = 0; i < rows; i++) {
      step.outputRows[i] = rows - 1 - i;
      step.sampling[i] = sampling.apply(i);
    }
    return step;
  }

  /// Chooses in two calls, as with logits that come in blocks.
  private static void choose(
      OpRig bench,
      float[] logits,
      boolean probabilities,
      IntFunction<SamplingParams> sampling,
      int columns) {
    int stride = columns + PADDING;
    int rows = logits.length / stride;
    int half = rows / 2;
    float[] head = Arrays.copyOf(logits, half * stride);
    float[] rest = Arrays.copyOfRange(logits, half * stride, logits.length);
    ChooseArgs first =
        new ChooseArgs(Rows.of(bench.bufferOf(head), stride), columns, probabilities);
    ChooseArgs second =
        new ChooseArgs(Rows.of(bench.bufferOf(rest), stride), columns, probabilities);
    StepInputs step = step(bench, sampling, rows);
    bench.run(
        step,
        () -> {
          bench.ops().chooseTokens(first, step, 0, half);
          bench.ops().chooseTokens(second, step, half, rows - half);
        });
    float[] result = new float[2 * rows];
    for (int i = 0; i < rows; i++) {
      boolean known = probabilities && step.chosenIds[i] >= 0;
      result[i] = step.chosenIds[i];
      result[rows + i] = known ? step.probabilities[i] * columns : 0;
    }
    bench.collect(bench.bufferOf(result));
  }
}
