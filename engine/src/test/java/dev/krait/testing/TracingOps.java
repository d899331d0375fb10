package dev.krait.testing;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Operations of a backend that keep the residual stream after the embedding and after every
/// branch, and the last norm.
public final class TracingOps implements Ops {
  private final Ops ops;
  private final List<float[]> residuals = new ArrayList<>();
  private float[] lastNorm = new float[0];

  private TracingOps(Ops ops) {
    this.ops = ops;
  }

  /// A backend whose operations are traced; closing it closes the other.
  public record TracingBackend(Backend backend, TracingOps ops) implements Backend {
    /// Traces a backend.
    public static TracingBackend of(Backend backend) {
      return new TracingBackend(backend, new TracingOps(backend.ops()));
    }

    @Override
    public String name() {
      return backend.name();
    }

    @Override
    public String describe() {
      return backend.describe();
    }

    @Override
    public Buffer allocate(long elements) {
      return backend.allocate(elements);
    }

    @Override
    public WeightMatrix upload(List<Tensor> rowBlocks) {
      return backend.upload(rowBlocks);
    }

    @Override
    public void close() {
      backend.close();
    }
  }

  /// Forgets what was traced.
  public void clear() {
    residuals.clear();
  }

  /// The residual stream `[rows, hidden]` after the embedding (0) and after branch `i` (i + 1).
  public float[] residual(int index) {
    return residuals.get(index);
  }

  /// What the head multiplied last.
  public float[] lastNorm() {
    return lastNorm;
  }

  private static float[] copy(Rows rows, int count) {
    float[] all = TestBackends.content(rows.buffer());
    float[] values = new float[count * rows.columns()];
    for (int t = 0; t < count; t++) {
      System.arraycopy(
          all, rows.offset() + t * rows.stride(), values, t * rows.columns(), rows.columns());
    }
    return values;
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    ops.embed(dst, embedding, step);
    residuals.add(copy(dst, step.tokens));
  }

  @Override
  public void addRmsNorm(Rows dst, Rows residual, Rows delta, Buffer weight, Norm norm, int rows) {
    ops.addRmsNorm(dst, residual, delta, weight, norm, rows);
    residuals.add(copy(residual, rows));
  }

  @Override
  public void add(Rows residual, Rows delta, int rows) {
    ops.add(residual, delta, rows);
    residuals.add(copy(residual, rows));
  }

  @Override
  public void rmsNorm(Rows dst, Rows x, Buffer weight, Norm norm, int rows) {
    ops.rmsNorm(dst, x, weight, norm, rows);
    lastNorm = copy(dst, rows);
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    ops.matmul(dst, x, weight, rows);
  }

  @Override
  public void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count) {
    ops.gatherOutputs(dst, x, step, first, count);
  }

  @Override
  public void siluMul(Rows dst, Rows gate, Rows up, int rows) {
    ops.siluMul(dst, gate, up, rows);
  }

  @Override
  public void argMax(
      int[] dst, float @Nullable [] probabilities, Rows logits, int columns, int rows) {
    ops.argMax(dst, probabilities, logits, columns, rows);
  }

  @Override
  public void ropeAngles(Rows cos, Rows sin, Rope rope, StepInputs step) {
    ops.ropeAngles(cos, sin, rope, step);
  }

  @Override
  public void rope(Rows x, int heads, Rows cos, Rows sin, StepInputs step) {
    ops.rope(x, heads, cos, sin, step);
  }

  @Override
  public void writeKv(KvCache cache, Rows keys, Rows values, Attention attention, StepInputs step) {
    ops.writeKv(cache, keys, values, attention, step);
  }

  @Override
  public void attend(Rows dst, Rows queries, KvCache cache, Attention attention, StepInputs step) {
    ops.attend(dst, queries, cache, attention, step);
  }

  @Override
  public void causalConv(
      Rows dst,
      Rows x,
      Buffer taps,
      Buffer bias,
      int width,
      int groupWidth,
      int repeat,
      StateCache cache,
      StepInputs step) {
    ops.causalConv(dst, x, taps, bias, width, groupWidth, repeat, cache, step);
  }

  @Override
  public void selectiveScan(
      Rows dst,
      Rows x,
      Rows timeStep,
      Rows b,
      Rows c,
      Rows z,
      Mamba1 mixer,
      Mamba1Weights weights,
      StateCache cache,
      StepInputs step) {
    ops.selectiveScan(dst, x, timeStep, b, c, z, mixer, weights, cache, step);
  }

  @Override
  public void ssdScan(
      Rows dst,
      Rows xbc,
      Rows timeStep,
      Mamba2 mixer,
      Mamba2Weights weights,
      StateCache cache,
      StepInputs step) {
    ops.ssdScan(dst, xbc, timeStep, mixer, weights, cache, step);
  }

  @Override
  public void gatedRmsNorm(
      Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon, int rows) {
    ops.gatedRmsNorm(dst, y, z, weight, groups, epsilon, rows);
  }
}
