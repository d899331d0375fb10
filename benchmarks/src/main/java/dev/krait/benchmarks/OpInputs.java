package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.backend.StepInputs;
import dev.krait.backend.cpu.CpuBackend;
import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;

/// Seeded inputs on a backend.
final class OpInputs {
  private static final long SEED = 1;

  private final Backend backend;
  private final SplittableRandom random = new SplittableRandom(SEED);

  OpInputs(Backend backend) {
    this.backend = backend;
  }

  /// `reference` or `cpu`, on one thread.
  static Backend open(String name) {
    return name.equals("cpu") ? CpuBackend.open(1) : new ReferenceBackend();
  }

  Backend backend() {
    return backend;
  }

  /// Random floats in `[low, high)`.
  Buffer buffer(int count, double low, double high) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(low, high);
    }
    Buffer buffer = backend.allocate(count);
    buffer.write(0, values);
    return buffer;
  }

  Rows rows(int count, int columns) {
    return Rows.of(buffer(count * columns, -1, 1), columns);
  }

  WeightMatrix bf16(int rows, int columns) {
    short[] values = new short[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (short) (Float.floatToRawIntBits((float) random.nextDouble(-1, 1)) >> 16);
    }
    Tensor tensor = new Tensor(DType.BF16, Shape.of(rows, columns), MemorySegment.ofArray(values));
    return backend.upload(StoredMatrix.Dense.of(List.of(tensor)));
  }

  /// One token of each of `sequences` sequences, all at `position`, each with its own slot and
  /// blocks.
  StepInputs step(int sequences, int position, int maxBlocks) {
    StepInputs step = backend.newStep(sequences, sequences, maxBlocks);
    step.tokens = sequences;
    step.sequences = sequences;
    for (int s = 0; s < sequences; s++) {
      step.positions[s] = position;
      step.sequenceOf[s] = s;
      step.firstToken[s] = s;
      step.tokenCount[s] = 1;
      step.firstPosition[s] = position;
      step.directTokens[s] = 1;
      step.stateSlot[s] = s;
      for (int b = 0; b < maxBlocks; b++) {
        step.blockTable[s * maxBlocks + b] = s * maxBlocks + b;
      }
    }
    return step;
  }

  static float[] read(Rows rows) {
    float[] values = new float[Math.toIntExact(rows.buffer().elements())];
    rows.buffer().read(0, values);
    return values;
  }

  /// @throws IllegalStateException where an output is further than `tolerance` from the reference
  static void requireClose(float[] actual, float[] expected, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      if (!(Math.abs(actual[i] - expected[i]) <= allowed)) {
        throw new IllegalStateException(
            "output " + i + ": " + actual[i] + " (expected: " + expected[i] + ")");
      }
    }
  }
}
