package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.machine.Lanes;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.model.Mixer.Attention;
import dev.krait.tensor.Rows;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Attention of one row and head at a time: workers take rows and heads.
///
/// Scores: a lane is a position, its sum one chain over the head's elements. Weighted sum: a lane
/// is an element, its sum one chain over positions in ascending order, and so is the sum of the
/// weights.
@SuppressWarnings("NullAway.Init")
final class AttendTask {
  private static final int GRAIN_MULTIPLY_ADDS = 32 * 1024;
  private static final int LANES = Lanes.COUNT;
  private static final int VECTORS = 4;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task rowsAndHeads = this::runHeads;

  private Rows dst;
  private Rows queries;
  private float[] keys;
  private float[] values;
  private int block;
  private Attention attention;
  private StepInputs step;
  private float scale;

  AttendTask(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  void run(AttentionArgs args, StepInputs step) {
    dst = args.dst();
    queries = args.queries();
    keys = HostBuffer.floats(args.cache().keys());
    values = HostBuffer.floats(args.cache().values());
    block = args.cache().blockTokens();
    attention = args.attention();
    this.step = step;
    scale = (float) attention.scale();
    if (step.tokens == 0) {
      return;
    }
    long positions = 0;
    for (int t = 0; t < step.tokens; t++) {
      positions += step.positions[t] + 1;
    }
    long itemWork = 2L * attention.headDim() * Math.max(1, positions / step.tokens);
    int grain = (int) (GRAIN_MULTIPLY_ADDS / itemWork) + 1;
    pool.parallelFor(rowsAndHeads, step.tokens * attention.heads(), grain);
  }

  private void runHeads(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      head(scratch[worker], item / attention.heads(), item % attention.heads());
    }
  }

  private void head(Scratch own, int row, int head) {
    int last = step.positions[row];
    int first = attention.window() == 0 ? 0 : Math.max(0, last - attention.window() + 1);
    int kvHead = head / (attention.heads() / attention.kvHeads());
    int sequence = step.sequenceOf[row];
    int base = first & -LANES;
    int count = last - base + 1;
    int padded = (count + LANES - 1) & -LANES;
    float[] weights = own.floats(padded);
    int queryFrom = HostRows.at(queries, row) + head * attention.headDim();
    if (block % LANES == 0) {
      scores(weights, queryFrom, sequence, kvHead, base, padded);
    } else {
      scoresOneByOne(weights, queryFrom, sequence, kvHead, first, last, base);
    }
    java.util.Arrays.fill(weights, 0, first - base, Float.NEGATIVE_INFINITY);
    java.util.Arrays.fill(weights, count, padded, Float.NEGATIVE_INFINITY);
    exponentials(weights, padded);
    int to = HostRows.at(dst, row) + head * attention.headDim();
    for (int i = 0; i < Lanes.whole(attention.headDim()); i += VECTORS * LANES) {
      weightedSum(weights, first, last, base, sequence, kvHead, i, to);
    }
    for (int i = Lanes.whole(attention.headDim()); i < attention.headDim(); i++) {
      weightedSumOfElement(weights, first, last, base, sequence, kvHead, i, to);
    }
  }

  /// Index of the first key or value of a block's head.
  private int headFrom(int sequence, int position, int kvHead) {
    int index = step.block(sequence, position, block) * attention.kvHeads() + kvHead;
    return index * attention.headDim() * block;
  }

  private int keysFrom(int sequence, int position, int kvHead) {
    return headFrom(sequence, position, kvHead) + position % block;
  }

  /// Scores of whole vectors of positions, four at a time.
  private void scores(
      float[] scores, int queryFrom, int sequence, int kvHead, int base, int padded) {
    float[] query = HostRows.floats(queries);
    int lastVector = padded - LANES;
    for (int i = 0; i < padded; i += VECTORS * LANES) {
      int i1 = Math.min(i + LANES, lastVector);
      int i2 = Math.min(i + 2 * LANES, lastVector);
      int i3 = Math.min(i + 3 * LANES, lastVector);
      int k0 = keysFrom(sequence, base + i, kvHead);
      int k1 = keysFrom(sequence, base + i1, kvHead);
      int k2 = keysFrom(sequence, base + i2, kvHead);
      int k3 = keysFrom(sequence, base + i3, kvHead);
      FloatVector s0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector s1 = FloatVector.zero(Lanes.FLOATS);
      FloatVector s2 = FloatVector.zero(Lanes.FLOATS);
      FloatVector s3 = FloatVector.zero(Lanes.FLOATS);
      for (int e = 0; e < attention.headDim(); e++) {
        FloatVector q = FloatVector.broadcast(Lanes.FLOATS, query[queryFrom + e]);
        s0 = q.fma(FloatVector.fromArray(Lanes.FLOATS, keys, k0 + e * block), s0);
        s1 = q.fma(FloatVector.fromArray(Lanes.FLOATS, keys, k1 + e * block), s1);
        s2 = q.fma(FloatVector.fromArray(Lanes.FLOATS, keys, k2 + e * block), s2);
        s3 = q.fma(FloatVector.fromArray(Lanes.FLOATS, keys, k3 + e * block), s3);
      }
      s0.mul(scale).intoArray(scores, i);
      s1.mul(scale).intoArray(scores, i1);
      s2.mul(scale).intoArray(scores, i2);
      s3.mul(scale).intoArray(scores, i3);
    }
  }

  /// The same sums where a vector of positions does not fit a block.
  private void scoresOneByOne(
      float[] scores, int queryFrom, int sequence, int kvHead, int first, int last, int base) {
    float[] query = HostRows.floats(queries);
    for (int p = first; p <= last; p++) {
      int from = keysFrom(sequence, p, kvHead);
      float sum = 0;
      for (int e = 0; e < attention.headDim(); e++) {
        sum = Math.fma(query[queryFrom + e], keys[from + e * block], sum);
      }
      scores[p - base] = sum * scale;
    }
  }

  /// `exp(score - largest score)` in place. The largest of a set has one value in any order.
  private static void exponentials(float[] scores, int padded) {
    FloatVector most = FloatVector.fromArray(Lanes.FLOATS, scores, 0);
    for (int i = LANES; i < padded; i += LANES) {
      most = most.max(FloatVector.fromArray(Lanes.FLOATS, scores, i));
    }
    float largest = most.reduceLanes(VectorOperators.MAX);
    for (int i = 0; i < padded; i += LANES) {
      VectorMath.exp(FloatVector.fromArray(Lanes.FLOATS, scores, i).sub(largest))
          .intoArray(scores, i);
    }
  }

  /// Elements from `element` on, at most four vectors.
  private void weightedSum(
      float[] weights,
      int first,
      int last,
      int base,
      int sequence,
      int kvHead,
      int element,
      int to) {
    int headDim = attention.headDim();
    int lastVector = Lanes.whole(headDim) - LANES;
    int e1 = Math.min(element + LANES, lastVector);
    int e2 = Math.min(element + 2 * LANES, lastVector);
    int e3 = Math.min(element + 3 * LANES, lastVector);
    FloatVector total = FloatVector.zero(Lanes.FLOATS);
    FloatVector s0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s3 = FloatVector.zero(Lanes.FLOATS);
    for (int p = first; p <= last; ) {
      int end = Math.min(last + 1, (p / block + 1) * block);
      int from = headFrom(sequence, p, kvHead) + p % block * headDim;
      for (; p < end; p++) {
        FloatVector w = FloatVector.broadcast(Lanes.FLOATS, weights[p - base]);
        total = total.add(w);
        s0 = w.fma(FloatVector.fromArray(Lanes.FLOATS, values, from + element), s0);
        s1 = w.fma(FloatVector.fromArray(Lanes.FLOATS, values, from + e1), s1);
        s2 = w.fma(FloatVector.fromArray(Lanes.FLOATS, values, from + e2), s2);
        s3 = w.fma(FloatVector.fromArray(Lanes.FLOATS, values, from + e3), s3);
        from += headDim;
      }
    }
    float[] out = HostRows.floats(dst);
    s0.div(total).intoArray(out, to + element);
    s1.div(total).intoArray(out, to + e1);
    s2.div(total).intoArray(out, to + e2);
    s3.div(total).intoArray(out, to + e3);
  }

  private void weightedSumOfElement(
      float[] weights,
      int first,
      int last,
      int base,
      int sequence,
      int kvHead,
      int element,
      int to) {
    float total = 0;
    float sum = 0;
    for (int p = first; p <= last; p++) {
      float weight = weights[p - base];
      int from = headFrom(sequence, p, kvHead) + p % block * attention.headDim();
      total += weight;
      sum = Math.fma(weight, values[from + element], sum);
    }
    HostRows.floats(dst)[to + element] = sum / total;
  }
}
