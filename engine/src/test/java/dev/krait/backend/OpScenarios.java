package dev.krait.backend;

import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.model.Norm;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// All operations in all shapes that matter: sizes 1, 2, odd, around a vector and around a tile,
/// large; each a function of a backend.
final class OpScenarios {
  /// Half a unit in the last place of a float, relative.
  private static final float EPSILON = 0x1p-24f;

  /// The same operations in the same order: equal bits.
  static final float EXACT = 0;

  /// A few roundings and an exponential of about one unit in the last place each.
  static final float ELEMENTWISE = 16 * EPSILON;

  /// A sum of squares in stripes against one in double: at most width / 16 + 4 roundings.
  static final float NORM = 64 * EPSILON;

  /// Scores and weighted sums of up to 300 terms of order one, and their exponentials.
  static final float ATTENTION = 512 * EPSILON;

  /// A product of decays and a sum over the state for tens of tokens.
  static final float SCAN = 512 * EPSILON;

  /// One operation on one shape.
  ///
  /// @param name op and shape; what `krait.scenario` selects it by
  /// @param tolerance largest difference from the reference, relative to the larger of 1 and the
  ///   value
  /// @param body prepares inputs, runs the operation, collects outputs
  record Scenario(String name, float tolerance, Consumer<OpRig> body) {
    /// Everything it collects on a backend.
    List<float[]> run(Backend backend) {
      OpRig bench = new OpRig(backend, name.hashCode());
      body.accept(bench);
      return bench.results();
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private OpScenarios() {}

  static List<Scenario> all() {
    List<Scenario> all = new ArrayList<>();
    matmuls(all);
    gatedMatmuls(all);
    ChoiceScenarios.add(all);
    embeddings(all);
    elements(all);
    ActivationScenarios.add(all);
    norms(all);
    ropes(all);
    AttentionScenarios.add(all);
    RecurrentScenarios.add(all);
    ExpertScenarios.add(all);
    return all;
  }

  /// Those whose name contains the system property `krait.scenario`; all without one.
  static List<Scenario> selected() {
    return selected(System.getProperty("krait.scenario", ""));
  }

  static List<Scenario> selected(String part) {
    List<Scenario> selected = all().stream().filter(each -> each.name().contains(part)).toList();
    if (selected.isEmpty()) {
      throw new IllegalArgumentException(
          "krait.scenario: " + part + " (expected: a part of a scenario's name)");
    }
    return selected;
  }

  private static void matmuls(List<Scenario> all) {
    for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32, DType.F64)) {
      for (int rows : new int[] {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 260}) {
        all.add(matmul(3, rows, 40, dtype));
        all.add(matmul(1, rows, 40, dtype));
      }
      for (int columns : new int[] {1, 2, 3, 255, 256, 257, 511, 513, 1100}) {
        all.add(matmul(1, 40, columns, dtype));
        all.add(matmul(9, 40, columns, dtype));
      }
      for (int tokens : new int[] {0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 31, 97, 200}) {
        all.add(matmul(tokens, 40, 48, dtype));
      }
      for (int tokens : new int[] {1, 2, 5, 8, 14}) {
        all.add(matmul(tokens, 1500, 300, dtype));
      }
      all.add(matmul(110, 700, 530, dtype));
      all.add(matmul(300, 4001, 70, dtype));
      all.add(
          new Scenario(
              "matmul stacked " + dtype,
              EXACT,
              bench -> {
                WeightMatrix weight = bench.stacked(new int[] {5, 16, 1, 30}, 20, dtype);
                bench.ops().matmul(bench.output(3, 52), bench.rows(3, 20, 1), weight, 3);
              }));
    }
  }

  /// Halves that meet a tile and that miss it; what a fusion leaves in the scratch rows is
  /// nobody's.
  private static void gatedMatmuls(List<Scenario> all) {
    for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32)) {
      for (int half : new int[] {1, 16, 24, 48, 320, 2000}) {
        for (int tokens : half < 2000 ? new int[] {0, 1, 7, 16, 33, 70} : new int[] {150}) {
          all.add(
              new Scenario(
                  "matmul gated " + dtype + " [2 * " + half + ", 100] x " + tokens,
                  ELEMENTWISE,
                  bench -> {
                    WeightMatrix weight = bench.matrix(2 * half, 100, dtype);
                    Rows x = bench.rows(tokens, 100, 0.5f);
                    Rows gateUp = bench.rows(tokens, 2 * half, 0);
                    Rows dst = bench.output(tokens, half);
                    bench.ops().gatedMatmul(GatedMatmulArgs.of(dst, gateUp, x, weight), tokens);
                  }));
        }
      }
    }
  }

  private static Scenario matmul(int tokens, int rows, int columns, DType dtype) {
    String name = "matmul " + dtype + " [" + rows + ", " + columns + "] x " + tokens;
    return new Scenario(
        name,
        EXACT,
        bench -> {
          WeightMatrix weight = bench.matrix(rows, columns, dtype);
          Rows x = bench.rows(tokens, columns, 1);
          bench.ops().matmul(bench.output(tokens, rows), x, weight, tokens);
        });
  }

  private static void embeddings(List<Scenario> all) {
    for (DType dtype : List.of(DType.BF16, DType.F16, DType.F32, DType.F64)) {
      all.add(
          new Scenario(
              "embed " + dtype,
              EXACT,
              bench -> {
                WeightMatrix weight = bench.matrix(77, 19, dtype);
                StepInputs step = bench.step(77, 0);
                for (int t = 0; t < 77; t++) {
                  step.tokenIds[t] = 76 - t;
                }
                bench.ops().embed(bench.output(77, 19), weight, step);
              }));
    }
  }

  private static void elements(List<Scenario> all) {
    for (int columns : new int[] {1, 2, 7, 8, 9, 16, 17, 511, 512, 513, 5000}) {
      for (int rows : new int[] {0, 1, 3, 40}) {
        String shape = " [" + rows + ", " + columns + "]";
        all.add(
            new Scenario(
                "add" + shape,
                EXACT,
                bench -> {
                  Rows residual = bench.collect(bench.rows(rows, columns, 1));
                  bench.ops().add(residual, bench.rows(rows, columns, 1), rows);
                }));
        all.add(
            new Scenario(
                "scale" + shape,
                EXACT,
                bench -> {
                  Rows x = bench.collect(bench.rows(rows, columns, 1));
                  bench.ops().scale(x, 0.3f, rows);
                }));
      }
    }
    all.add(
        new Scenario(
            "gatherOutputs",
            EXACT,
            bench -> {
              Rows x = bench.rows(9, 21, 1);
              StepInputs step = bench.step(9, 0);
              step.outputs = 5;
              System.arraycopy(new int[] {7, 8, 0, 3, 3}, 0, step.outputRows, 0, 5);
              bench.ops().gatherOutputs(bench.output(4, 21), x, step, 1, 4);
            }));
  }

  private static void norms(List<Scenario> all) {
    for (int width : new int[] {1, 2, 7, 15, 16, 17, 31, 33, 384, 1000}) {
      for (int rows : new int[] {0, 1, 3, 50}) {
        String shape = " [" + rows + ", " + width + "]";
        Norm norm = new Norm(width, 1e-5f);
        all.add(
            new Scenario(
                "rmsNorm" + shape,
                NORM,
                bench -> {
                  Rows x = bench.rows(rows, width, 2);
                  Rows dst = bench.output(rows, width);
                  bench.ops().rmsNorm(new NormArgs(dst, x, bench.buffer(width, 1), norm), rows);
                }));
        all.add(
            new Scenario(
                "addRmsNorm" + shape,
                NORM,
                bench -> {
                  Rows residual = bench.collect(bench.rows(rows, width, 2));
                  Rows delta = bench.rows(rows, width, 2);
                  Rows dst = bench.output(rows, width);
                  NormArgs args = new NormArgs(dst, residual, bench.buffer(width, 1), norm);
                  bench.ops().addRmsNorm(args, delta, rows);
                }));
        all.add(
            new Scenario(
                "gatedRmsNorm of 3 groups" + shape,
                NORM,
                bench -> {
                  Rows y = bench.collect(bench.rows(rows, 3 * width, 2));
                  Rows z = bench.rows(rows, 3 * width, 8);
                  Buffer weight = bench.buffer(3 * width, 1);
                  bench.ops().gatedRmsNorm(new GatedNormArgs(y, y, z, weight, 3, 1e-5f), rows);
                }));
      }
    }
  }

  private static void ropes(List<Scenario> all) {
    for (int headDim : new int[] {2, 6, 16, 34, 64, 128}) {
      for (int rows : new int[] {1, 5, 70}) {
        Rope rope = new Rope(headDim, 10_000, new Rope.Scaling.None());
        all.add(
            new Scenario(
                "rope of 3 heads of " + headDim + ", rows " + rows,
                ELEMENTWISE,
                bench -> {
                  StepInputs step = bench.step(rows, 900);
                  Rows cos = bench.output(rows, headDim / 2);
                  Rows sin = bench.output(rows, headDim / 2);
                  RopeAngles angles = new RopeAngles(rope, cos, sin);
                  bench.ops().ropeAngles(angles, step);
                  Rows x = bench.collect(bench.rows(rows, 3 * headDim, 1));
                  bench.ops().rope(x, 3, angles, step);
                }));
      }
    }
  }
}
