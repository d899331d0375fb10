package dev.krait.cuda;

import dev.krait.backend.NumericMode;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.RopeAngles;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.Kernel;
import dev.krait.cuda.driver.KernelModule;
import dev.krait.cuda.driver.KernelParams;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Attention;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The operations as launches of kernels, each described in its kernel's file.
///
/// Sums are in another order than [dev.krait.backend.reference.ReferenceOps] has, but as there in
/// one that follows from the weight's shape or the token's position alone.
final class CudaOps implements Ops {
  private final CudaDevice device;
  private final @Nullable CudaMatmul matmul;
  private final @Nullable OperandMatmul operands;
  private final CudaAttention attention;
  private final CudaScans scans;
  private final Kernel embedBf16;
  private final Kernel embedF16;
  private final Kernel embedF32;
  private final Kernel embedOperand;
  private final Kernel gather;
  private final Kernel add;
  private final Kernel scale;
  private final Kernel addBias;
  private final Kernel activate;
  private final Kernel activateMul;
  private final Kernel rmsNorm;
  private final Kernel headRmsNorm;
  private final Kernel gatedRmsNorm;
  private final Kernel ropeAngles;
  private final int rowThreads;
  private final int rowColumns;
  private final int normThreads;
  private final int ropeThreads;
  private final CudaConvolution convolution;
  private final CudaChoices choices;
  private final RopeFrequencies frequencies;
  private final List<String> alternatives;
  private @Nullable CudaStep uploaded;

  CudaOps(CudaDevice device, NumericMode mode) {
    this.device = device;
    ForcedKernels forced = ForcedKernels.ofProperty();
    matmul = mode == NumericMode.EXACT ? new CudaMatmul(device, forced) : null;
    operands = mode == NumericMode.BF16 ? new OperandMatmul(device, forced) : null;
    scans = new CudaScans(device);
    KernelModule rows = KernelModule.load(device, "rows");
    CudaStep.requireLayout(rows);
    rowThreads = rows.constant("rows_threads");
    rowColumns = rows.constant("rows_columns");
    embedBf16 = rows.kernel("embed_bf16");
    embedF16 = rows.kernel("embed_f16");
    embedF32 = rows.kernel("embed_f32");
    embedOperand = rows.kernel("embed_operand");
    gather = rows.kernel("gather");
    add = rows.kernel("add");
    scale = rows.kernel("scale");
    addBias = rows.kernel("add_bias");
    activate = rows.kernel("activate");
    activateMul = rows.kernel("activate_mul");
    KernelModule norms = KernelModule.load(device, "rms_norm");
    normThreads = norms.constant("rms_norm_threads");
    rmsNorm = norms.kernel("rms_norm");
    headRmsNorm = norms.kernel("head_rms_norm");
    gatedRmsNorm = norms.kernel("gated_rms_norm");
    KernelModule rope = KernelModule.load(device, "rope");
    attention = new CudaAttention(device, mode, rope, forced);
    ropeThreads = rope.constant("rope_threads");
    ropeAngles = rope.kernel("rope_angles");
    convolution = new CudaConvolution(device);
    choices = new CudaChoices(device);
    frequencies = new RopeFrequencies(device);
    forced.requireKnown();
    alternatives = forced.alternatives();
  }

  /// Copies a step to the device; operations take it as it is until [#end].
  void begin(CudaStep step) {
    step.upload();
    uploaded = step;
  }

  /// Kernels to which there are others that give the same bits.
  List<String> alternatives() {
    return alternatives;
  }

  /// What attention layers take beside their arguments.
  long attentionScratchBytes(Attention attention, int maxModelTokens) {
    return this.attention.scratchBytes(attention, maxModelTokens);
  }

  /// From here on operations copy their step themselves, and wait for that.
  void end() {
    uploaded = null;
  }

  private CudaStep own(StepInputs step) {
    CudaStep own = (CudaStep) step;
    if (own != uploaded) {
      own.upload();
      device.synchronize();
    }
    return own;
  }

  private void launchRows(Kernel kernel, int rows, int columns) {
    if (rows > 0) {
      kernel.launch(rows, Math.ceilDiv(columns, rowColumns), 1, rowThreads, 0);
    }
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    CudaMatrix table = (CudaMatrix) embedding;
    boolean operand = table.layout() == CudaMatrix.Layout.OPERAND;
    Kernel kernel = operand ? embedOperand : embedding(table.dtype());
    KernelParams params = kernel.params();
    Arguments.put(params, dst);
    CudaStep own = own(step);
    own.put(params);
    params
        .pointer(own.chosenAddress(0))
        .pointer(table.address())
        .integer(operand ? table.paddedRows() : table.paddedColumns());
    launchRows(kernel, step.tokens, table.columns());
  }

  private Kernel embedding(DType dtype) {
    return switch (dtype) {
      case BF16 -> embedBf16;
      case F16 -> embedF16;
      case F32 -> embedF32;
      case F64, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalArgumentException("table: " + dtype);
    };
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    if (operands != null) {
      operands.launch(dst, x, (CudaMatrix) weight, rows);
    } else {
      Objects.requireNonNull(matmul).launch(dst, x, (CudaMatrix) weight, rows);
    }
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
  public void scale(Rows x, float factor, int rows) {
    KernelParams params = scale.params();
    Arguments.put(params, x);
    params.real(factor);
    launchRows(scale, rows, x.columns());
  }

  @Override
  public void rmsNorm(NormArgs args, int rows) {
    norm(args, null, rows);
  }

  @Override
  public void addRmsNorm(NormArgs args, Rows delta, int rows) {
    norm(args, delta, rows);
  }

  private void norm(NormArgs args, @Nullable Rows delta, int rows) {
    if (rows == 0) {
      return;
    }
    KernelParams params = rmsNorm.params();
    int operandRows =
        Arguments.putMaybeOperand(params, args.dst().columns(0, args.norm().width()), rows);
    Arguments.put(params, args.x());
    if (delta == null) {
      Arguments.putNone(params);
    } else {
      Arguments.put(params, delta);
    }
    params
        .pointer(Arguments.address(args.weight()))
        .real(args.norm().epsilon())
        .integer(operandRows);
    rmsNorm.launch(rows, 1, 1, normThreads, 0);
  }

  @Override
  public void gatedRmsNorm(GatedNormArgs args, int rows) {
    if (rows == 0) {
      return;
    }
    KernelParams params = gatedRmsNorm.params();
    int operandRows = Arguments.putMaybeOperand(params, args.dst(), rows);
    Arguments.put(params, args.y());
    Arguments.put(params, args.z());
    params
        .pointer(Arguments.address(args.weight()))
        .integer(args.y().columns() / args.groups())
        .real(args.epsilon())
        .integer(operandRows)
        .align();
    gatedRmsNorm.launch(rows, args.groups(), 1, normThreads, 0);
  }

  @Override
  public void addBias(Rows x, Buffer bias, int rows) {
    KernelParams params = addBias.params();
    Arguments.put(params, x);
    params.pointer(Arguments.address(bias));
    launchRows(addBias, rows, x.columns());
  }

  @Override
  public void activate(Rows x, Activation activation, int rows) {
    KernelParams params = activate.params();
    Arguments.put(params, x);
    params.integer(Arguments.code(activation));
    launchRows(activate, rows, x.columns());
  }

  @Override
  public void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows) {
    if (dst.buffer() instanceof OperandBuffer operand) {
      Objects.requireNonNull(operands).packActivateMul(operand, gate, up, activation, rows);
      return;
    }
    KernelParams params = activateMul.params();
    Arguments.put(params, dst);
    Arguments.put(params, gate);
    Arguments.put(params, up);
    params.integer(Arguments.code(activation));
    launchRows(activateMul, rows, dst.columns());
  }

  @Override
  public void headRmsNorm(HeadNormArgs args, int rows) {
    if (rows == 0) {
      return;
    }
    KernelParams params = headRmsNorm.params();
    Arguments.put(params, args.x());
    params
        .pointer(Arguments.address(args.weight()))
        .integer(args.norm().width())
        .real(args.norm().epsilon());
    headRmsNorm.launch(rows, args.heads(), 1, normThreads, 0);
  }

  @Override
  public void gatedMatmul(GatedMatmulArgs args, int rows) {
    CudaMatrix weight = (CudaMatrix) args.weight();
    boolean done =
        operands != null
            ? operands.launchGated(args.dst(), args.x(), weight, rows)
            : Objects.requireNonNull(matmul).launchGated(args.dst(), args.x(), weight, rows);
    if (!done) {
      Ops.super.gatedMatmul(args, rows);
    }
  }

  @Override
  public void chooseTokens(ChooseArgs args, StepInputs step, int first, int count) {
    choices.launch(args, own(step), first, count);
  }

  @Override
  public void ropeAngles(RopeAngles dst, StepInputs step) {
    if (step.tokens == 0) {
      return;
    }
    KernelParams params = ropeAngles.params();
    Arguments.put(params, dst.cos());
    Arguments.put(params, dst.sin());
    own(step).put(params);
    params.pointer(frequencies.address(dst.rope())).integer(dst.rope().pairs());
    ropeAngles.launch(step.tokens, 1, 1, ropeThreads, 0);
  }

  @Override
  public void rope(Rows x, int heads, RopeAngles angles, StepInputs step) {
    attention.rope(x, heads, angles, own(step));
  }

  @Override
  public void writeKv(AttentionArgs args, StepInputs step) {
    attention.writeKv(args, own(step));
  }

  @Override
  public void attend(AttentionArgs args, StepInputs step) {
    attention.attend(args, own(step));
  }

  @Override
  public void ropeWriteKvAttend(AttentionArgs args, StepInputs step) {
    if (args.angles().isEmpty()) {
      Ops.super.ropeWriteKvAttend(args, step);
      return;
    }
    attention.ropeWriteKv(args, args.angles().get(), own(step));
    attention.attend(args, own(step));
  }

  @Override
  public void causalConv(CausalConvArgs args, StepInputs step) {
    convolution.launch(args, own(step), 0);
  }

  @Override
  public void convMatmul(Rows dst, CausalConvArgs conv, WeightMatrix weight, StepInputs step) {
    long operand = operands == null ? 0 : operands.operandFor(conv.dst().columns(), step.tokens);
    if (operand == 0) {
      Ops.super.convMatmul(dst, conv, weight, step);
      return;
    }
    convolution.launch(conv, own(step), operand);
    Objects.requireNonNull(operands).launchWritten(dst, (CudaMatrix) weight, step.tokens);
  }

  @Override
  public void selectiveScan(SelectiveScanArgs args, StepInputs step) {
    scans.selective(null, args, own(step));
  }

  @Override
  public void timeStepScan(Rows lowRank, SelectiveScanArgs args, StepInputs step) {
    if (scans.projects(lowRank, args.weights(), step)) {
      scans.selective(lowRank, args, own(step));
    } else {
      Ops.super.timeStepScan(lowRank, args, step);
    }
  }

  @Override
  public void ssdScan(SsdScanArgs args, StepInputs step) {
    scans.ssd(args, own(step));
  }

  @Override
  public void deltaRule(DeltaRuleArgs args, StepInputs step) {
    throw new UnsupportedOperationException("the gated delta rule has no kernel");
  }

  @Override
  public void experts(ExpertsArgs args, int rows) {
    throw new UnsupportedOperationException("experts have no kernel");
  }
}
