package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
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
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/// The operations on the Vector API, products with bf16 weights in machine code where the machine
/// has a kernel, each spread over the pool where it is worth it.
///
/// Results do not depend on the vector width, the number of threads, or what else is in the step.
/// After the first steps of the largest size nothing is allocated.
final class CpuOps implements Ops {
  private final MatmulTask matmul;

  /// Null where there is no machine code for this machine.
  private final @Nullable TileMatmulTask tileMatmul;

  private final float[] stripes = new float[RowNorm.STRIPES];
  private final NormTask norm;
  private final ElementTask elements;
  private final RopeTask rope;
  private final AttendTask attend;
  private final ConvTask conv;
  private final SelectiveScanTask selectiveScan;
  private final SsdScanTask ssdScan;

  CpuOps(WorkerPool pool, Arena arena) {
    Scratch[] scratch = new Scratch[pool.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch(arena);
    }
    matmul = new MatmulTask(pool, scratch);
    TileKernels kernels = TileKernels.open(arena);
    tileMatmul = kernels == null ? null : new TileMatmulTask(pool, kernels, arena);
    norm = new NormTask(pool, scratch);
    elements = new ElementTask(pool);
    rope = new RopeTask(pool);
    attend = new AttendTask(pool, scratch);
    conv = new ConvTask(pool);
    selectiveScan = new SelectiveScanTask(pool, elements);
    ssdScan = new SsdScanTask(pool);
  }

  /// True where products with bf16 weights run in machine code of ours.
  boolean usesMachineCode() {
    return tileMatmul != null;
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    CpuMatrix matrix = (CpuMatrix) embedding;
    for (int t = 0; t < step.tokens; t++) {
      matrix.readRow(step.tokenIds[t], HostRows.floats(dst), HostRows.at(dst, t));
    }
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    CpuMatrix matrix = (CpuMatrix) weight;
    if (tileMatmul != null && matrix.dtype() == DType.BF16) {
      tileMatmul.run(dst, x, matrix, rows);
    } else {
      matmul.run(dst, x, matrix, rows);
    }
  }

  @Override
  public void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count) {
    for (int i = 0; i < count; i++) {
      int from = HostRows.at(x, step.outputRows[first + i]);
      int to = HostRows.at(dst, i);
      System.arraycopy(HostRows.floats(x), from, HostRows.floats(dst), to, dst.columns());
    }
  }

  @Override
  public void add(Rows residual, Rows delta, int rows) {
    elements.add(residual, delta, rows);
  }

  @Override
  public void rmsNorm(Rows dst, Rows x, Buffer weight, Norm norm, int rows) {
    this.norm.norm(dst, x, weight, norm, rows);
  }

  @Override
  public void addRmsNorm(Rows dst, Rows residual, Rows delta, Buffer weight, Norm norm, int rows) {
    this.norm.addNorm(dst, residual, delta, weight, norm, rows);
  }

  @Override
  public void siluMul(Rows dst, Rows gate, Rows up, int rows) {
    elements.siluMul(dst, gate, up, rows);
  }

  @Override
  public void argMax(
      int[] dst, float @Nullable [] probabilities, Rows logits, int columns, int rows) {
    float[] values = HostBuffer.floats(logits.buffer());
    for (int t = 0; t < rows; t++) {
      int from = logits.offset() + t * logits.stride();
      dst[t] = Softmax.largest(values, from, columns);
      if (probabilities != null && dst[t] >= 0) {
        probabilities[t] = Softmax.ofLargest(values, from, columns, values[from + dst[t]], stripes);
      }
    }
  }

  @Override
  public void ropeAngles(Rows cos, Rows sin, Rope rope, StepInputs step) {
    this.rope.angles(cos, sin, rope, step);
  }

  @Override
  public void rope(Rows x, int heads, Rows cos, Rows sin, StepInputs step) {
    rope.rotate(x, heads, cos, sin, step);
  }

  @Override
  public void writeKv(KvCache cache, Rows keys, Rows values, Attention attention, StepInputs step) {
    rope.write(cache, keys, values, attention, step);
  }

  @Override
  public void attend(Rows dst, Rows queries, KvCache cache, Attention attention, StepInputs step) {
    attend.run(dst, queries, cache, attention, step);
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
    conv.run(dst, x, taps, bias, width, groupWidth, repeat, cache, step);
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
    selectiveScan.run(dst, x, timeStep, b, c, z, mixer, weights, cache, step);
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
    ssdScan.run(dst, xbc, timeStep, mixer, weights, cache, step);
  }

  @Override
  public void gatedRmsNorm(
      Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon, int rows) {
    norm.gated(dst, y, z, weight, groups, epsilon, rows);
  }
}
