package dev.krait.testing;

import dev.krait.backend.Backend;
import dev.krait.backend.NumericMode;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.backend.OpArgs.DeltaRuleArgs;
import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.RopeAngles;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.Mixer;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Operations of a backend that keep the residual stream after the embedding and after every block,
/// and the last norm.
public final class TracingOps implements Ops {
  private final Ops ops;
  private final List<float[]> residuals = new ArrayList<>();
  private @Nullable Rows residual;
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
    public NumericMode numericMode() {
      return backend.numericMode();
    }

    @Override
    public StepInputs newStep(int maxTokens, int maxSequences, int maxBlocks) {
      return backend.newStep(maxTokens, maxSequences, maxBlocks);
    }

    @Override
    public Buffer allocate(DType type, long elements) {
      return backend.allocate(type, elements);
    }

    @Override
    public Optional<String> missing(Mixer mixer) {
      return backend.missing(mixer);
    }

    @Override
    public boolean supports(StoredMatrix matrix) {
      return backend.supports(matrix);
    }

    @Override
    public WeightMatrix upload(StoredMatrix matrix) {
      return backend.upload(matrix);
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

  /// The residual stream `[rows, hidden]` after the embedding (0) and after block `i` (i + 1).
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
    residual = dst;
    if (residuals.size() == 1) {
      // Side paths keep embeddings beside the residual stream.
      residuals.clear();
    }
    residuals.add(copy(dst, step.tokens));
  }

  @Override
  public void addRmsNorm(NormArgs args, Rows delta, int rows) {
    ops.addRmsNorm(args, delta, rows);
    residuals.add(copy(args.x(), rows));
  }

  @Override
  public void add(Rows sum, Rows delta, int rows) {
    ops.add(sum, delta, rows);
    if (sum.equals(residual)) {
      residuals.add(copy(sum, rows));
    }
  }

  @Override
  public void scale(Rows x, float factor, int rows) {
    ops.scale(x, factor, rows);
    if (x.equals(residual)) {
      residuals.set(0, copy(x, rows));
    }
  }

  @Override
  public void rmsNorm(NormArgs args, int rows) {
    ops.rmsNorm(args, rows);
    lastNorm = copy(args.dst(), rows);
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
  public void addBias(Rows x, Buffer bias, int rows) {
    ops.addBias(x, bias, rows);
  }

  @Override
  public void activate(Rows x, Activation activation, int rows) {
    ops.activate(x, activation, rows);
  }

  @Override
  public void headRmsNorm(HeadNormArgs args, int rows) {
    ops.headRmsNorm(args, rows);
  }

  @Override
  public void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows) {
    ops.activateMul(dst, gate, up, activation, rows);
  }

  @Override
  public void chooseTokens(ChooseArgs args, StepInputs step, int first, int count) {
    ops.chooseTokens(args, step, first, count);
  }

  @Override
  public void ropeAngles(RopeAngles dst, StepInputs step) {
    ops.ropeAngles(dst, step);
  }

  @Override
  public void rope(Rows x, int heads, RopeAngles angles, StepInputs step) {
    ops.rope(x, heads, angles, step);
  }

  @Override
  public void writeKv(AttentionArgs args, StepInputs step) {
    ops.writeKv(args, step);
  }

  @Override
  public void attend(AttentionArgs args, StepInputs step) {
    ops.attend(args, step);
  }

  @Override
  public void causalConv(CausalConvArgs args, StepInputs step) {
    ops.causalConv(args, step);
  }

  @Override
  public void selectiveScan(SelectiveScanArgs args, StepInputs step) {
    ops.selectiveScan(args, step);
  }

  @Override
  public void ssdScan(SsdScanArgs args, StepInputs step) {
    ops.ssdScan(args, step);
  }

  @Override
  public void gatedRmsNorm(GatedNormArgs args, int rows) {
    ops.gatedRmsNorm(args, rows);
  }

  @Override
  public void deltaRule(DeltaRuleArgs args, StepInputs step) {
    ops.deltaRule(args, step);
  }

  @Override
  public void experts(ExpertsArgs args, int rows) {
    ops.experts(args, rows);
  }
}
