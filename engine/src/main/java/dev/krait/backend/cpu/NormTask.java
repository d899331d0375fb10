package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.backend.OpArgs.GatedNormArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.cpu.machine.WorkerPool;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;

/// Norms, also fused with the addition or the gate before them: workers take rows.
@SuppressWarnings("NullAway.Init")
final class NormTask {
  private static final int GRAIN_ELEMENTS = 8 * 1024;
  private static final int GRAIN_GATED = 1024;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final WorkerPool.Task normRows = this::runNorm;
  private final WorkerPool.Task addNormRows = this::runAddNorm;
  private final WorkerPool.Task headNorms = this::runHeads;
  private final WorkerPool.Task gatedGroups = this::runGated;

  private Rows dst;
  private Rows x;
  private Rows other;
  private float[] weight;
  private int width;
  private int groups;
  private float epsilon;

  NormTask(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  void norm(NormArgs args, int rows) {
    prepare(args.dst(), args.x(), args.x(), args.weight());
    prepare(args.norm().width(), args.norm().epsilon());
    pool.parallelFor(normRows, rows, GRAIN_ELEMENTS / width + 1);
  }

  void addNorm(NormArgs args, Rows delta, int rows) {
    prepare(args.dst(), args.x(), delta, args.weight());
    prepare(args.norm().width(), args.norm().epsilon());
    pool.parallelFor(addNormRows, rows, GRAIN_ELEMENTS / width + 1);
  }

  /// The heads of a row one after another, each with all of the weight.
  void heads(HeadNormArgs args, int rows) {
    prepare(args.x(), args.x(), args.x(), args.weight());
    groups = args.heads();
    prepare(args.norm().width(), args.norm().epsilon());
    pool.parallelFor(headNorms, rows * groups, GRAIN_ELEMENTS / width + 1);
  }

  void gated(GatedNormArgs args, int rows) {
    prepare(args.dst(), args.y(), args.z(), args.weight());
    groups = args.groups();
    prepare(args.y().columns() / groups, args.epsilon());
    pool.parallelFor(gatedGroups, rows * groups, GRAIN_GATED / width + 1);
  }

  private void prepare(Rows dst, Rows x, Rows other, Buffer weight) {
    this.dst = dst;
    this.x = x;
    this.other = other;
    this.weight = HostBuffer.floats(weight);
  }

  private void prepare(int width, float epsilon) {
    this.width = width;
    this.epsilon = epsilon;
  }

  private void runNorm(int worker, int first, int end) {
    float[] partials = scratch[worker].partials;
    for (int row = first; row < end; row++) {
      normalise(HostRows.floats(x), HostRows.at(x, row), HostRows.at(dst, row), 0, partials);
    }
  }

  private void runAddNorm(int worker, int first, int end) {
    float[] partials = scratch[worker].partials;
    float[] sum = HostRows.floats(x);
    for (int row = first; row < end; row++) {
      int from = HostRows.at(x, row);
      int columns = x.columns();
      ElementTask.add(sum, from, HostRows.floats(other), HostRows.at(other, row), columns);
      normalise(sum, from, HostRows.at(dst, row), 0, partials);
    }
  }

  private void runHeads(int worker, int first, int end) {
    for (int item = first; item < end; item++) {
      int from = HostRows.at(x, item / groups) + item % groups * width;
      normalise(HostRows.floats(x), from, from, 0, scratch[worker].partials);
    }
  }

  private void runGated(int worker, int first, int end) {
    float[] gated = scratch[worker].floats(width);
    for (int item = first; item < end; item++) {
      int row = item / groups;
      int column = item % groups * width;
      ElementTask.siluMul(
          gated,
          0,
          HostRows.floats(other),
          HostRows.at(other, row) + column,
          HostRows.floats(x),
          HostRows.at(x, row) + column,
          width);
      normalise(gated, 0, HostRows.at(dst, row) + column, column, scratch[worker].partials);
    }
  }

  private void normalise(float[] in, int from, int to, int weightFrom, float[] partials) {
    RowNorm.normalise(
        HostRows.floats(dst), to, in, from, weight, weightFrom, width, epsilon, partials);
  }
}
