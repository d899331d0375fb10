package dev.krait.backend;

import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.model.Activation;
import dev.krait.model.Norm;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.List;

/// Activations alone, before a product and behind a convolution; biases; norms of heads.
final class ActivationScenarios {
  private static final int[] COLUMNS = {1, 2, 7, 8, 9, 16, 17, 511, 512, 513, 5000};

  private ActivationScenarios() {}

  static void add(List<Scenario> all) {
    for (int columns : COLUMNS) {
      for (int rows : new int[] {0, 1, 3, 40}) {
        String shape = " [" + rows + ", " + columns + "]";
        all.add(
            new Scenario(
                "addBias" + shape,
                OpScenarios.EXACT,
                bench -> {
                  Rows x = bench.collect(bench.rows(rows, columns, 1));
                  bench.ops().addBias(x, bench.buffer(columns, 1), rows);
                }));
        all.add(activateMul(Activation.SILU, rows, columns));
      }
      for (Activation activation : Activation.values()) {
        if (activation != Activation.SILU) {
          all.add(activateMul(activation, 3, columns));
        }
        all.add(
            new Scenario(
                "activate " + activation + " [3, " + columns + "]",
                OpScenarios.ELEMENTWISE,
                bench -> {
                  Rows x = bench.collect(bench.rows(3, columns, 6));
                  bench.ops().activate(x, activation, 3);
                }));
      }
    }
    for (Activation activation : Activation.values()) {
      all.add(conv(activation, 1));
      all.add(conv(activation, 3));
    }
    for (int headDim : new int[] {1, 2, 7, 16, 17, 64, 128, 1000}) {
      for (int rows : new int[] {0, 1, 40}) {
        all.add(
            new Scenario(
                "headRmsNorm of 3 heads of " + headDim + ", rows " + rows,
                OpScenarios.NORM,
                bench -> {
                  Rows x = bench.collect(bench.rows(rows, 3 * headDim, 2));
                  Norm norm = new Norm(headDim, 1e-5f);
                  Buffer weight = bench.buffer(headDim, 1);
                  bench.ops().headRmsNorm(new HeadNormArgs(x, 3, weight, norm), rows);
                }));
      }
    }
  }

  private static Scenario activateMul(Activation activation, int rows, int columns) {
    return new Scenario(
        "activateMul " + activation + " [" + rows + ", " + columns + "]",
        OpScenarios.ELEMENTWISE,
        bench -> {
          Rows gate = bench.rows(rows, columns, 6);
          Rows up = bench.rows(rows, columns, 1);
          bench.ops().activateMul(bench.output(rows, columns), gate, up, activation, rows);
          Rows inPlace = bench.collect(bench.rows(rows, columns, 1));
          bench.ops().activateMul(inPlace, gate, inPlace, activation, rows);
        });
  }

  private static Scenario conv(Activation activation, int width) {
    return new Scenario(
        "convolution of " + width + " taps, " + activation,
        OpScenarios.ELEMENTWISE,
        bench -> {
          int channels = 45;
          Buffer none = bench.buffer(0, 1);
          Buffer ring = bench.collect(bench.buffer(8 * channels, 1));
          CausalConvArgs args =
              new CausalConvArgs(
                  bench.output(5, channels),
                  bench.rows(5, channels, 2),
                  bench.buffer(channels * width, 1),
                  bench.buffer(channels, 1),
                  width,
                  channels,
                  1,
                  activation,
                  new StateCache(none, ring, none, 8, 0));
          bench.ops().causalConv(args, bench.step(5, 3));
        });
  }
}
