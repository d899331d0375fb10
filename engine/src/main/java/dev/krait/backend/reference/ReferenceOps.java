package dev.krait.backend.reference;

import dev.krait.backend.ArgMax;
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
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import org.jspecify.annotations.Nullable;

/// Scalar meaning of every operation.
public final class ReferenceOps implements Ops {

  /// Operations without state of their own.
  public ReferenceOps() {}

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
      matrix.readRow(step.tokenIds[t], row);
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
          sum = Math.fma(row[k], in[at(x, t) + k], sum);
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
  public void rmsNorm(Rows dst, Rows x, Buffer weight, Norm norm, int rows) {
    float[] w = HostBuffer.floats(weight);
    for (int t = 0; t < rows; t++) {
      normalise(floats(dst), at(dst, t), floats(x), at(x, t), w, 0, norm.width(), norm.epsilon());
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
  public void siluMul(Rows dst, Rows gate, Rows up, int rows) {
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < dst.columns(); i++) {
        floats(dst)[at(dst, t) + i] =
            silu(floats(gate)[at(gate, t) + i]) * floats(up)[at(up, t) + i];
      }
    }
  }

  @Override
  public void argMax(
      int[] dst, float @Nullable [] probabilities, Rows logits, int columns, int rows) {
    for (int t = 0; t < rows; t++) {
      dst[t] = ArgMax.of(floats(logits), at(logits, t), columns);
      if (probabilities != null && dst[t] >= 0) {
        float most = floats(logits)[at(logits, t) + dst[t]];
        double sum = 0;
        for (int i = 0; i < columns; i++) {
          sum += Math.exp(floats(logits)[at(logits, t) + i] - most);
        }
        probabilities[t] = (float) (1 / sum);
      }
    }
  }

  @Override
  public void ropeAngles(Rows cos, Rows sin, Rope rope, StepInputs step) {
    for (int i = 0; i < rope.headDim() / 2; i++) {
      double frequency = rope.frequency(i);
      for (int t = 0; t < step.tokens; t++) {
        double angle = step.positions[t] * frequency;
        floats(cos)[at(cos, t) + i] = (float) StrictMath.cos(angle);
        floats(sin)[at(sin, t) + i] = (float) StrictMath.sin(angle);
      }
    }
  }

  @Override
  public void rope(Rows x, int heads, Rows cos, Rows sin, StepInputs step) {
    int headDim = x.columns() / heads;
    int half = headDim / 2;
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
  public void writeKv(KvCache cache, Rows keys, Rows values, Attention attention, StepInputs step) {
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
              floats(keys)[at(keys, t) + h * headDim + i];
          HostBuffer.floats(cache.values())[from + slot * headDim + i] =
              floats(values)[at(values, t) + h * headDim + i];
        }
      }
    }
  }

  @Override
  public void attend(Rows dst, Rows queries, KvCache cache, Attention attention, StepInputs step) {
    for (int t = 0; t < step.tokens; t++) {
      for (int h = 0; h < attention.heads(); h++) {
        attendHead(dst, queries, cache, attention, step, t, h);
      }
    }
  }

  private static void attendHead(
      Rows dst,
      Rows queries,
      KvCache cache,
      Attention attention,
      StepInputs step,
      int t,
      int head) {
    int headDim = attention.headDim();
    int block = cache.blockTokens();
    int kvHead = head / (attention.heads() / attention.kvHeads());
    int last = step.positions[t];
    int first = attention.window() == 0 ? 0 : Math.max(0, last - attention.window() + 1);
    float[] q = floats(queries);
    int qFrom = at(queries, t) + head * headDim;
    double[] scores = new double[last - first + 1];
    double most = Double.NEGATIVE_INFINITY;
    for (int p = first; p <= last; p++) {
      int base = step.block(step.sequenceOf[t], p, block) * attention.kvHeads() + kvHead;
      double score = 0;
      for (int i = 0; i < headDim; i++) {
        score +=
            (double) q[qFrom + i]
                * HostBuffer.floats(cache.keys())[(base * headDim + i) * block + p % block];
      }
      scores[p - first] = score / Math.sqrt(headDim);
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
      floats(dst)[at(dst, t) + head * headDim + i] = (float) (sum[i] / total);
    }
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
    int sources = x.columns();
    float[] ring = HostBuffer.floats(cache.convRing());
    for (int s = 0; s < step.sequences; s++) {
      int ringFrom = step.stateSlot[s] * cache.ringTokens() * sources;
      for (int j = 0; j < step.tokenCount[s]; j++) {
        int row = step.firstToken[s] + j;
        for (int c = 0; c < dst.columns(); c++) {
          int source = (c / groupWidth / repeat) * groupWidth + c % groupWidth;
          float sum = HostBuffer.floats(bias)[c];
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
            sum = Math.fma(HostBuffer.floats(taps)[c * width + k], input, sum);
          }
          floats(dst)[at(dst, row) + c] = silu(sum);
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
    for (int s = 0; s < step.sequences; s++) {
      new ReferenceSelectiveScan(mixer, weights, cache, step, s).run(dst, x, timeStep, b, c, z);
    }
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
    for (int s = 0; s < step.sequences; s++) {
      new ReferenceSsdScan(mixer, weights, cache, step, s).run(dst, xbc, timeStep);
    }
  }

  @Override
  public void gatedRmsNorm(
      Rows dst, Rows y, Rows z, Buffer weight, int groups, float epsilon, int rows) {
    int width = y.columns() / groups;
    float[] gated = new float[y.columns()];
    for (int t = 0; t < rows; t++) {
      for (int i = 0; i < gated.length; i++) {
        gated[i] = floats(y)[at(y, t) + i] * silu(floats(z)[at(z, t) + i]);
      }
      for (int g = 0; g < groups; g++) {
        int from = g * width;
        float[] w = HostBuffer.floats(weight);
        normalise(floats(dst), at(dst, t) + from, gated, from, w, from, width, epsilon);
      }
    }
  }
}
