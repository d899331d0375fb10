package dev.krait.cuda;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.model.Norm;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.nio.IntBuffer;
import org.jspecify.annotations.Nullable;

/// The operations as launches of kernels, each described in its kernel's file.
///
/// Sums are in another order than [dev.krait.backend.reference.ReferenceOps] has, but as there in
/// one that follows from the weight's shape or the token's position alone.
final class CudaOps implements Ops {
  private static final int ROW_THREADS = 256;
  private static final int ROW_COLUMNS = 4 * ROW_THREADS;
  private static final int NORM_THREADS = 1024;
  private static final int ROPE_THREADS = 64;
  private static final int CONV_THREADS = 64;
  private static final int MOST_CONV_WIDTH = 8;
  private static final int ARG_MAX_THREADS = 1024;
  private static final int FIRST_RESULTS = 1024;

  private final CudaDevice device;
  private final CudaMatmul matmul;
  private final CudaAttention attention;
  private final CudaScans scans;
  private final Kernel embedBf16;
  private final Kernel embedF16;
  private final Kernel embedF32;
  private final Kernel gather;
  private final Kernel add;
  private final Kernel siluMul;
  private final Kernel rmsNorm;
  private final Kernel gatedRmsNorm;
  private final Kernel ropeAngles;
  private final Kernel ropeWriteKv;
  private final Kernel causalConv;
  private final Kernel argMax;
  private final RopeFrequencies frequencies;
  private DeviceInts largest;
  private @Nullable CudaStep uploaded;

  CudaOps(CudaDevice device) {
    this.device = device;
    matmul = new CudaMatmul(device);
    attention = new CudaAttention(device);
    scans = new CudaScans(device);
    KernelModule rows = KernelModule.load(device, "rows");
    embedBf16 = rows.kernel("embed_bf16");
    embedF16 = rows.kernel("embed_f16");
    embedF32 = rows.kernel("embed_f32");
    gather = rows.kernel("gather");
    add = rows.kernel("add");
    siluMul = rows.kernel("silu_mul");
    KernelModule norms = KernelModule.load(device, "rms_norm");
    rmsNorm = norms.kernel("rms_norm");
    gatedRmsNorm = norms.kernel("gated_rms_norm");
    KernelModule rope = KernelModule.load(device, "rope");
    ropeAngles = rope.kernel("rope_angles");
    ropeWriteKv = rope.kernel("rope_write_kv");
    causalConv = KernelModule.load(device, "causal_conv").kernel("causal_conv");
    argMax = KernelModule.load(device, "arg_max").kernel("arg_max");
    frequencies = new RopeFrequencies(device);
    largest = new DeviceInts(device, FIRST_RESULTS);
  }

  /// Copies a step to the device; operations take it as it is until [#end].
  void begin(CudaStep step) {
    step.upload();
    uploaded = step;
  }

  /// From here on operations copy their step themselves.
  void end() {
    uploaded = null;
  }

  private CudaStep own(StepInputs step) {
    CudaStep own = (CudaStep) step;
    if (own != uploaded) {
      own.upload();
    }
    return own;
  }

  private static void launchRows(Kernel kernel, int rows, int columns) {
    if (rows > 0) {
      kernel.launch(rows, Math.ceilDiv(columns, ROW_COLUMNS), 1, ROW_THREADS, 0);
    }
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    CudaMatrix table = (CudaMatrix) embedding;
    Kernel kernel =
        switch (table.dtype()) {
          case BF16 -> embedBf16;
          case F16 -> embedF16;
          case F32 -> embedF32;
          case F64, I64, I32, I16, I8, U8, BOOL ->
              throw new IllegalArgumentException("table: " + table.dtype());
        };
    KernelParams params = kernel.params();
    Arguments.put(params, dst);
    own(step).put(params);
    params.pointer(table.address()).integer(table.paddedColumns());
    launchRows(kernel, step.tokens, table.columns());
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    matmul.launch(dst, x, (CudaMatrix) weight, rows);
  }

  @Override
  public void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count) {
    KernelParams params = gather.params();
    Arguments.put(params, dst);
    Arguments.put(params, x);
    params.pointer(own(step).outputAddress(first));
    launchRows(gather, count, dst.columns());
  }

  @Override
  public void add(Rows residual, Rows delta, int rows) {
    KernelParams params = add.params();
    Arguments.put(params, residual);
    Arguments.put(params, delta);
    launchRows(add, rows, residual.columns());
  }

  @Override
  public void rmsNorm(Rows dst, Rows x, Buffer weight, Norm norm, int rows) {
    norm(dst, x, null, weight, norm, rows);
  }

  @Override
  public void addRmsNorm(Rows dst, Rows residual, Rows delta, Buffer weight, Norm norm, int rows) {
    norm(dst, residual, delta, weight, norm, rows);
  }

  private void norm(
      Rows dst, Rows residual, @Nullable Rows delta, Buffer weight, Norm norm, int rows) {
    if (rows == 0) {
      return;
    }
    KernelParams params = rmsNorm.params();
    Arguments.put(params, dst.columns(0, norm.width()));
    Arguments.put(params, residual);
    if (delta == null) {
      Arguments.putNone(params);
    } else {
      Arguments.put(params, delta);
    }
    params.pointer(Arguments.address(weight)).real(norm.epsilon());
    rmsNorm.launch(rows, 1, 1, NORM_THREADS, 0);
  }

  @Override
  public void gatedRmsNorm(
      Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon, int rows) {
    if (rows == 0) {
      return;
    }
    KernelParams params = gatedRmsNorm.params();
    Arguments.put(params, dst);
    Arguments.put(params, y);
    Arguments.put(params, z);
    params.pointer(Arguments.address(weight)).integer(y.columns() / groups).real(epsilon);
    gatedRmsNorm.launch(rows, groups, 1, NORM_THREADS, 0);
  }

  @Override
  public void siluMul(Rows dst, Rows gate, Rows up, int rows) {
    KernelParams params = siluMul.params();
    Arguments.put(params, dst);
    Arguments.put(params, gate);
    Arguments.put(params, up);
    launchRows(siluMul, rows, dst.columns());
  }

  @Override
  public void gatedMatmul(
      Rows dst, Rows gateUp, Rows gate, Rows up, Rows x, WeightMatrix weight, int rows) {
    if (!matmul.launchGated(dst, x, (CudaMatrix) weight, rows)) {
      Ops.super.gatedMatmul(dst, gateUp, gate, up, x, weight, rows);
    }
  }

  @Override
  public void argMax(
      int[] dst, float @Nullable [] probabilities, Rows logits, int columns, int rows) {
    int results = probabilities == null ? rows : 2 * rows;
    if (results > largest.capacity()) {
      largest = new DeviceInts(device, 2 * results);
    }
    long address = largest.address();
    KernelParams params = argMax.params();
    Arguments.put(params, logits);
    params
        .pointer(address)
        .pointer(probabilities == null ? 0 : address + (long) Float.BYTES * rows)
        .integer(columns)
        .align();
    argMax.launch(rows, 1, 1, ARG_MAX_THREADS, 0);
    IntBuffer result = largest.download(results);
    result.get(0, dst, 0, rows);
    for (int i = 0; probabilities != null && i < rows; i++) {
      probabilities[i] = Float.intBitsToFloat(result.get(rows + i));
    }
  }

  @Override
  public void ropeAngles(Rows cos, Rows sin, Rope rope, StepInputs step) {
    if (step.tokens == 0) {
      return;
    }
    KernelParams params = ropeAngles.params();
    Arguments.put(params, cos);
    Arguments.put(params, sin);
    own(step).put(params);
    params.pointer(frequencies.address(rope)).integer(rope.headDim() / 2);
    ropeAngles.launch(step.tokens, 1, 1, ROPE_THREADS, 0);
  }

  @Override
  public void rope(Rows x, int heads, Rows cos, Rows sin, StepInputs step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.put(params, x);
    Arguments.putNone(params);
    Arguments.putNone(params);
    Arguments.put(params, cos);
    Arguments.put(params, sin);
    own(step).put(params);
    launchRope(params.pointer(0).pointer(0), heads, 0, x.columns() / heads, 1, step);
  }

  @Override
  public void writeKv(KvCache cache, Rows keys, Rows values, Attention mixer, StepInputs step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.putNone(params);
    Arguments.put(params, keys);
    Arguments.put(params, values);
    Arguments.putNone(params);
    Arguments.putNone(params);
    own(step).put(params);
    params.pointer(Arguments.address(cache.keys())).pointer(Arguments.address(cache.values()));
    launchRope(params, 0, mixer.kvHeads(), mixer.headDim(), cache.blockTokens(), step);
  }

  private void launchRope(
      KernelParams params, int heads, int kvHeads, int headDim, int blockTokens, StepInputs step) {
    params.integer(heads).integer(kvHeads).integer(headDim).integer(blockTokens);
    if (step.tokens > 0) {
      ropeWriteKv.launch(step.tokens, heads + kvHeads, 1, ROPE_THREADS, 0);
    }
  }

  @Override
  public void attend(Rows dst, Rows queries, KvCache cache, Attention mixer, StepInputs step) {
    if (step.tokens > 0) {
      attention.launch(dst, queries, cache, mixer, step, own(step));
    }
  }

  @Override
  public void ropeWriteKvAttend(
      Rows dst,
      Rows queries,
      Rows keys,
      Rows values,
      Rows cos,
      Rows sin,
      KvCache cache,
      Attention mixer,
      StepInputs step) {
    KernelParams params = ropeWriteKv.params();
    Arguments.put(params, queries);
    Arguments.put(params, keys);
    Arguments.put(params, values);
    Arguments.put(params, cos);
    Arguments.put(params, sin);
    own(step).put(params);
    params.pointer(Arguments.address(cache.keys())).pointer(Arguments.address(cache.values()));
    int heads = mixer.heads();
    launchRope(params, heads, mixer.kvHeads(), mixer.headDim(), cache.blockTokens(), step);
    attend(dst, queries, cache, mixer, step);
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
    if (width > MOST_CONV_WIDTH) {
      throw new IllegalArgumentException(
          "convWidth: " + width + " (expected: at most " + MOST_CONV_WIDTH + ")");
    }
    KernelParams params = causalConv.params();
    Arguments.put(params, dst);
    Arguments.put(params, x);
    own(step).put(params);
    params
        .pointer(Arguments.address(taps))
        .pointer(Arguments.address(bias))
        .pointer(Arguments.address(cache.convRing()))
        .integer(cache.ringTokens())
        .integer(groupWidth)
        .integer(repeat)
        .integer(width);
    int blocks = Math.ceilDiv(x.columns(), CONV_THREADS);
    causalConv.launch(blocks, step.sequences, 1, CONV_THREADS, 0);
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
    scans.selective(dst, x, timeStep, b, c, z, mixer, weights, cache, step, own(step));
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
    scans.ssd(dst, xbc, timeStep, mixer, weights, cache, step, own(step));
  }
}
