package dev.krait.backend.cpu;

import dev.krait.backend.DrawnTokens;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.HostExperts;
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
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.backend.cpu.matmul.CpuMatrix;
import dev.krait.backend.cpu.matmul.MatmulTask;
import dev.krait.model.Activation;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;

/// The operations on the Vector API, products in machine code where the machine takes it, each
/// spread over the pool where it is worth it.
///
/// Results do not depend on the vector width, the number of threads, or what else is in the step.
/// After the first steps of the largest size nothing is allocated.
final class CpuOps implements Ops {
  private final MatmulTask matmul;

  private final float[] stripes = new float[RowNorm.STRIPES];
  private final DrawnTokens drawn = new DrawnTokens();
  private final HostExperts experts = new HostExperts();
  private final NormTask norm;
  private final ElementTask elements;
  private final RopeTask rope;
  private final AttendTask attend;
  private final ConvTask conv;
  private final SelectiveScanTask selectiveScan;
  private final SsdScanTask ssdScan;
  private final DeltaRuleTask deltaRule;

  CpuOps(WorkerPool pool, Arena arena) {
    Scratch[] scratch = new Scratch[pool.threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch();
    }
    matmul = new MatmulTask(pool, arena);
    norm = new NormTask(pool, scratch);
    elements = new ElementTask(pool, scratch);
    rope = new RopeTask(pool);
    attend = new AttendTask(pool, scratch);
    conv = new ConvTask(pool);
    selectiveScan = new SelectiveScanTask(pool, elements);
    ssdScan = new SsdScanTask(pool);
    deltaRule = new DeltaRuleTask(pool);
  }

  /// How products are computed, for people, and why not faster.
  String describeProducts() {
    return matmul.describe();
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    CpuMatrix matrix = (CpuMatrix) embedding;
    for (int t = 0; t < step.tokens; t++) {
      matrix.readRow(step.tokenId(t), HostRows.floats(dst), HostRows.at(dst, t));
    }
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    matmul.run(dst, x, (CpuMatrix) weight, rows);
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
  public void scale(Rows x, float factor, int rows) {
    elements.scale(x, factor, rows);
  }

  @Override
  public void rmsNorm(NormArgs args, int rows) {
    norm.norm(args, rows);
  }

  @Override
  public void addRmsNorm(NormArgs args, Rows delta, int rows) {
    norm.addNorm(args, delta, rows);
  }

  @Override
  public void addBias(Rows x, Buffer bias, int rows) {
    elements.addBias(x, bias, rows);
  }

  @Override
  public void activate(Rows x, Activation activation, int rows) {
    elements.activate(x, activation, rows);
  }

  @Override
  public void headRmsNorm(HeadNormArgs args, int rows) {
    norm.heads(args, rows);
  }

  @Override
  public void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows) {
    elements.activateMul(dst, gate, up, activation, rows);
  }

  @Override
  public void chooseTokens(ChooseArgs args, StepInputs step, int first, int count) {
    float[] values = HostBuffer.floats(args.logits().buffer());
    int columns = args.columns();
    for (int t = 0; t < count; t++) {
      if (!step.sampling[first + t].isGreedy()) {
        drawn.draw(args, t, step, first + t);
        continue;
      }
      int from = HostRows.at(args.logits(), t);
      int largest = Softmax.largest(values, from, columns);
      float probability =
          args.probabilities() && largest >= 0
              ? Softmax.ofLargest(values, from, columns, values[from + largest], stripes)
              : 0;
      step.choose(first + t, largest, probability);
    }
  }

  @Override
  public void ropeAngles(RopeAngles dst, StepInputs step) {
    rope.angles(dst, step);
  }

  @Override
  public void rope(Rows x, int heads, RopeAngles angles, StepInputs step) {
    rope.rotate(x, heads, angles, step);
  }

  @Override
  public void writeKv(AttentionArgs args, StepInputs step) {
    rope.write(args, step);
  }

  @Override
  public void attend(AttentionArgs args, StepInputs step) {
    attend.run(args, step);
  }

  @Override
  public void causalConv(CausalConvArgs args, StepInputs step) {
    conv.run(args, step);
  }

  @Override
  public void selectiveScan(SelectiveScanArgs args, StepInputs step) {
    selectiveScan.run(args, step);
  }

  @Override
  public void ssdScan(SsdScanArgs args, StepInputs step) {
    ssdScan.run(args, step);
  }

  @Override
  public void gatedRmsNorm(GatedNormArgs args, int rows) {
    norm.gated(args, rows);
  }

  @Override
  public void deltaRule(DeltaRuleArgs args, StepInputs step) {
    deltaRule.run(args, step);
  }

  @Override
  public void experts(ExpertsArgs args, int rows) {
    experts.run(this, args, rows);
  }
}
