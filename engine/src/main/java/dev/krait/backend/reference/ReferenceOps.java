package dev.krait.backend.reference;

import dev.krait.backend.DrawnTokens;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.HostExperts;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
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
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Norm;
import dev.krait.sampling.Sampler;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;

/// Scalar meaning of every operation.
public final class ReferenceOps implements Ops {
  private final NumericMode mode;
  private final DrawnTokens drawn = new DrawnTokens();
  private final HostExperts experts = new HostExperts();

  /// Operations of a numeric mode.
  ReferenceOps(NumericMode mode) {
    this.mode = mode;
  }

  private static float[] floats(Rows rows) {
    return HostBuffer.floats(rows.buffer());
  }

  private static int at(Rows rows, int row) {
    return rows.offset() + row * rows.stride();
  }

  static float value(Rows rows, int row, int column) {
    return floats(rows)[at(rows, row) + column];
  }

  static float silu(float v) {
    return (float) (v / (1 + Math.exp(-v)));
  }

  static float softplus(float v) {
    return v > 20 ? v : (float) Math.log1p(Math.exp(v));
  }

  @Override
  public void embed(Rows dst, WeightMatrix embedding, StepInputs step) {
    ReferenceMatrix matrix = (ReferenceMatrix) embedding;
    float[] row = new float[matrix.columns()];
    for (int t = 0; t < step.tokens; t++) {
      matrix.readRow(step.tokenId(t), row);
      System.arraycopy(row, 0, floats(dst), at(dst, t), row.length);
    }
  }

  @Override
  public void matmul(Rows dst, Rows x, WeightMatrix weight, int rows) {
    ReferenceMatrix matrix = (ReferenceMatrix) weight;
    float[] out = floats(dst);
    float[] in = floats(x);
    float[] row = new float[matrix.columns()];
    for (int r = 0; r < matrix.rows(); r++) {
      matrix.readRow(r, row);
      for (int t = 0; t < rows; t++) {
        float sum = 0;
        for (int k = 0; k < row.length; k++) {
          sum = Math.fma(row[k], mode.operand(in[at(x, t) + k]), sum);
        }
        out[at(dst, t) + r] = sum;
      }
    }
  }

  @Override
  public void gatherOutputs(Rows dst, Rows x, StepInputs step, int first, int count) {
    for (int i = 0; i < count; i++) {
      int from = at(x, step.outputRows[first + i]);
      System.arraycopy(floats(x), from, floats(dst), at(dst, i), dst.columns());
    }
  }

  @Override
  public void add(Rows residual, Rows delta, int rows) {
    float[] sum = floats(residual);
    float[] more = floats(delta);
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < residual.columns(); i++) {
        sum[at(residual, t) + i] += more[at(delta, t) + i];
      }
    }
  }

  @Override
  public void scale(Rows x, float factor, int rows) {
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < x.columns(); i++) {
        floats(x)[at(x, t) + i] *= factor;
      }
    }
  }

  @Override
  public void rmsNorm(NormArgs args, int rows) {
    float[] w = HostBuffer.floats(args.weight());
    Norm norm = args.norm();
    for (int t = 0; t < rows; t++) {
      int to = at(args.dst(), t);
      int from = at(args.x(), t);
      normalise(floats(args.dst()), to, floats(args.x()), from, w, 0, norm.width(), norm.epsilon());
    }
  }

  private static void normalise(
      float[] out, int to, float[] in, int from, float[] w, int wFrom, int width, float epsilon) {
    double sum = 0;
    for (int i = 0; i < width; i++) {
      sum += (double) in[from + i] * in[from + i];
    }
    double scale = 1 / Math.sqrt(sum / width + epsilon);
    for (int i = 0; i < width; i++) {
      out[to + i] = (float) (in[from + i] * scale) * w[wFrom + i];
    }
  }

  @Override
  public void addBias(Rows x, Buffer bias, int rows) {
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < x.columns(); i++) {
        floats(x)[at(x, t) + i] += HostBuffer.floats(bias)[i];
      }
    }
  }

  @Override
  public void activate(Rows x, Activation activation, int rows) {
    for (int t = 0; t < rows; t++) {
      for (int i = at(x, t); i < at(x, t) + x.columns(); i++) {
        floats(x)[i] = ReferenceActivation.of(activation, floats(x)[i]);
      }
    }
  }

  @Override
  public void headRmsNorm(HeadNormArgs args, int rows) {
    float[] x = floats(args.x());
    float[] w = HostBuffer.floats(args.weight());
    int width = args.norm().width();
    for (int t = 0; t < rows; t++) {
      for (int h = 0; h < args.heads(); h++) {
        int from = at(args.x(), t) + h * width;
        normalise(x, from, x, from, w, 0, width, args.norm().epsilon());
      }
    }
  }

  @Override
  public void activateMul(Rows dst, Rows gate, Rows up, Activation activation, int rows) {
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < dst.columns(); i++) {
        floats(dst)[at(dst, t) + i] =
            ReferenceActivation.of(activation, floats(gate)[at(gate, t) + i])
                * floats(up)[at(up, t) + i];
      }
    }
  }

  @Override
  public void chooseTokens(ChooseArgs args, StepInputs step, int first, int count) {
    for (int t = 0; t < count; t++) {
      if (step.sampling[first + t].isGreedy()) {
        int largest = Sampler.argMax(floats(args.logits()), at(args.logits(), t), args.columns());
        boolean asked = args.probabilities() && largest >= 0;
        step.choose(first + t, largest, asked ? probability(args, t, largest) : 0);
      } else {
        drawn.draw(args, t, step, first + t);
      }
    }
  }

  private static float probability(ChooseArgs args, int row, int largest) {
    float most = value(args.logits(), row, largest);
    double sum = 0;
    for (int i = 0; i < args.columns(); i++) {
      sum += Math.exp(value(args.logits(), row, i) - most);
    }
    return (float) (1 / sum);
  }

  @Override
  public void ropeAngles(RopeAngles dst, StepInputs step) {
    for (int i = 0; i < dst.rope().pairs(); i++) {
      double frequency = dst.rope().frequency(i);
      for (int t = 0; t < step.tokens; t++) {
        double angle = step.positions[t] * frequency;
        floats(dst.cos())[at(dst.cos(), t) + i] = (float) StrictMath.cos(angle);
        floats(dst.sin())[at(dst.sin(), t) + i] = (float) StrictMath.sin(angle);
      }
    }
  }

  @Override
  public void rope(Rows x, int heads, RopeAngles angles, StepInputs step) {
    Rows cos = angles.cos();
    Rows sin = angles.sin();
    int headDim = x.columns() / heads;
    int half = angles.rope().pairs();
    float[] values = floats(x);
    for (int t = 0; t < step.tokens; t++) {
      for (int h = 0; h < heads; h++) {
        int from = at(x, t) + h * headDim;
        for (int i = 0; i < half; i++) {
          float c = floats(cos)[at(cos, t) + i];
          float s = floats(sin)[at(sin, t) + i];
          float a = values[from + i];
          float b = values[from + half + i];
          values[from + i] = a * c - b * s;
          values[from + half + i] = b * c + a * s;
        }
      }
    }
  }

  @Override
  public void writeKv(AttentionArgs args, StepInputs step) {
    KvCache cache = args.cache();
    Attention attention = args.attention();
    Rows keys = args.keys();
    Rows values = args.values();
    int block = cache.blockTokens();
    int headDim = attention.headDim();
    for (int t = 0; t < step.tokens; t++) {
      int position = step.positions[t];
      int base = step.block(step.sequenceOf[t], position, block) * attention.kvHeads();
      int slot = position % block;
      for (int h = 0; h < attention.kvHeads(); h++) {
        int from = (base + h) * headDim * block;
        for (int i = 0; i < headDim; i++) {
          HostBuffer.floats(cache.keys())[from + i * block + slot] =
              mode.operand(floats(keys)[at(keys, t) + h * headDim + i]);
          HostBuffer.floats(cache.values())[from + slot * headDim + i] =
              mode.operand(floats(values)[at(values, t) + h * headDim + i]);
        }
      }
    }
  }

  @Override
  public void attend(AttentionArgs args, StepInputs step) {
    for (int t = 0; t < step.tokens; t++) {
      for (int h = 0; h < args.attention().heads(); h++) {
        attendHead(args, step, t, h);
      }
    }
  }

  private void attendHead(AttentionArgs args, StepInputs step, int t, int head) {
    Attention attention = args.attention();
    KvCache cache = args.cache();
    int headDim = attention.headDim();
    int block = cache.blockTokens();
    int kvHead = head / (attention.heads() / attention.kvHeads());
    int last = step.positions[t];
    int first = attention.window() == 0 ? 0 : Math.max(0, last - attention.window() + 1);
    float[] q = floats(args.queries());
    int qFrom = at(args.queries(), t) + head * headDim;
    double[] scores = new double[last - first + 1];
    double most = Double.NEGATIVE_INFINITY;
    for (int p = first; p <= last; p++) {
      int base = step.block(step.sequenceOf[t], p, block) * attention.kvHeads() + kvHead;
      double score = 0;
      for (int i = 0; i < headDim; i++) {
        score +=
            (double) mode.operand(q[qFrom + i])
                * HostBuffer.floats(cache.keys())[(base * headDim + i) * block + p % block];
      }
      scores[p - first] = score * attention.scale();
      most = Math.max(most, scores[p - first]);
    }
    double total = 0;
    double[] sum = new double[headDim];
    for (int p = first; p <= last; p++) {
      double weight = Math.exp(scores[p - first] - most);
      total += weight;
      int base = step.block(step.sequenceOf[t], p, block) * attention.kvHeads() + kvHead;
      for (int i = 0; i < headDim; i++) {
        sum[i] +=
            weight * HostBuffer.floats(cache.values())[(base * block + p % block) * headDim + i];
      }
    }
    for (int i = 0; i < headDim; i++) {
      floats(args.dst())[at(args.dst(), t) + head * headDim + i] = (float) (sum[i] / total);
    }
  }

  @Override
  public void causalConv(CausalConvArgs args, StepInputs step) {
    Rows dst = args.dst();
    Rows x = args.x();
    StateCache cache = args.cache();
    int width = args.width();
    int groupWidth = args.groupWidth();
    int sources = x.columns();
    float[] ring = HostBuffer.floats(cache.convRing());
    for (int s = 0; s < step.sequences; s++) {
      int ringFrom = step.stateSlot[s] * cache.ringTokens() * sources;
      for (int j = 0; j < step.tokenCount[s]; j++) {
        int row = step.firstToken[s] + j;
        for (int c = 0; c < dst.columns(); c++) {
          int source = (c / groupWidth / args.repeat()) * groupWidth + c % groupWidth;
          float sum = HostBuffer.floats(args.bias())[c];
          for (int k = 0; k < width; k++) {
            int position = step.firstPosition[s] + j - width + 1 + k;
            float input;
            if (position < 0) {
              input = 0;
            } else if (position >= step.firstPosition[s]) {
              input = floats(x)[at(x, row - width + 1 + k) + source];
            } else {
              input = ring[ringFrom + position % cache.ringTokens() * sources + source];
            }
            sum = Math.fma(HostBuffer.floats(args.taps())[c * width + k], input, sum);
          }
          floats(dst)[at(dst, row) + c] = ReferenceActivation.of(args.activation(), sum);
        }
      }
      int kept = Math.min(step.tokenCount[s], cache.ringTokens());
      for (int j = step.tokenCount[s] - kept; j < step.tokenCount[s]; j++) {
        int to = ringFrom + (step.firstPosition[s] + j) % cache.ringTokens() * sources;
        System.arraycopy(floats(x), at(x, step.firstToken[s] + j), ring, to, sources);
      }
    }
  }

  @Override
  public void selectiveScan(SelectiveScanArgs args, StepInputs step) {
    for (int s = 0; s < step.sequences; s++) {
      new ReferenceSelectiveScan(args, step, s).run();
    }
  }

  @Override
  public void ssdScan(SsdScanArgs args, StepInputs step) {
    for (int s = 0; s < step.sequences; s++) {
      new ReferenceSsdScan(args, step, s).run();
    }
  }

  @Override
  public void gatedRmsNorm(GatedNormArgs args, int rows) {
    Rows y = args.y();
    Rows z = args.z();
    int width = y.columns() / args.groups();
    float[] gated = new float[y.columns()];
    float[] w = HostBuffer.floats(args.weight());
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < gated.length; i++) {
        gated[i] = floats(y)[at(y, t) + i] * silu(floats(z)[at(z, t) + i]);
      }
      for (int g = 0; g < args.groups(); g++) {
        int from = g * width;
        int to = at(args.dst(), t) + from;
        normalise(floats(args.dst()), to, gated, from, w, from, width, args.epsilon());
      }
    }
  }

  @Override
  public void deltaRule(DeltaRuleArgs args, StepInputs step) {
    for (int s = 0; s < step.sequences; s++) {
      new ReferenceDeltaRule(args, step, s).run();
    }
  }

  @Override
  public void experts(ExpertsArgs args, int rows) {
    experts.run(this, args, rows);
  }
}
