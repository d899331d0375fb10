package dev.krait.backend;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// One backend under test with seeded inputs; outputs are poisoned with NaN and stand between guard
/// bands, and are collected for comparison.
final class OpRig {
  private static final int GUARD = 3;

  private final Backend backend;
  private final SplittableRandom random;
  private final List<float[]> outputs = new ArrayList<>();
  private final List<Buffer> collected = new ArrayList<>();

  OpRig(Backend backend, long seed) {
    this.backend = backend;
    random = new SplittableRandom(seed);
  }

  Ops ops() {
    return backend.ops();
  }

  SplittableRandom random() {
    return random;
  }

  float[] values(int count, float scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (random.nextDouble(-1, 1) * scale);
    }
    return values;
  }

  Buffer bufferOf(float[] values) {
    return backend.bufferOf(values);
  }

  /// Random floats in `[-scale, scale)`.
  Buffer buffer(int count, float scale) {
    return bufferOf(values(count, scale));
  }

  /// Random rows at an offset, further apart than their width.
  Rows rows(int count, int columns, float scale) {
    int stride = columns + 2 * GUARD;
    return new Rows(buffer(Math.max(1, count) * stride, scale), GUARD, stride, columns);
  }

  /// Poisoned rows between guard bands, part of the result.
  Rows output(int count, int columns) {
    int stride = columns + 2 * GUARD;
    float[] poison = new float[(count + 1) * stride];
    java.util.Arrays.fill(poison, Float.NaN);
    return new Rows(collect(bufferOf(poison)), GUARD, stride, columns);
  }

  /// Makes the buffer's content part of the result.
  Buffer collect(Buffer buffer) {
    collected.add(buffer);
    return buffer;
  }

  Rows collect(Rows rows) {
    collect(rows.buffer());
    return rows;
  }

  /// What has been collected, as it is now.
  List<float[]> results() {
    for (Buffer buffer : collected) {
      float[] content = new float[Math.toIntExact(buffer.elements())];
      buffer.read(0, content);
      outputs.add(content);
    }
    collected.clear();
    return outputs;
  }

  WeightMatrix matrix(int rows, int columns, DType dtype) {
    return stacked(new int[] {rows}, columns, dtype);
  }

  /// A matrix stacked from blocks of rows.
  WeightMatrix stacked(int[] rowBlocks, int columns, DType dtype) {
    List<Tensor> blocks = new ArrayList<>();
    for (int rows : rowBlocks) {
      blocks.add(tensor(rows, columns, dtype));
    }
    return backend.upload(StoredMatrix.Dense.of(blocks));
  }

  private Tensor tensor(int rows, int columns, DType dtype) {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(rows * columns * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rows * columns; i++) {
      float value = (float) random.nextDouble(-1, 1);
      switch (dtype) {
        case F32 -> bytes.putFloat(value);
        case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >> 16));
        case F16 -> bytes.putShort(half(value, i));
        case F64 -> bytes.putDouble(value);
        default -> throw new IllegalArgumentException("dtype: " + dtype);
      }
    }
    bytes.flip();
    return new Tensor(dtype, Shape.of(rows, columns), MemorySegment.ofBuffer(bytes));
  }

  /// Every seventh value is subnormal in 16 bits.
  private static short half(float value, int i) {
    return Float.floatToFloat16(i % 7 == 0 ? value * 0x1p-15f : value);
  }

  /// Runs operations as a step of its own and waits for it.
  void run(StepInputs step, Runnable body) {
    backend.run(step, body);
    step.await();
  }

  StepInputs newStep(int maxTokens, int maxSequences, int maxBlocks) {
    return backend.newStep(maxTokens, maxSequences, maxBlocks);
  }

  /// A step of `rows` rows of one sequence from a position on.
  StepInputs step(int rows, int firstPosition) {
    StepInputs step = newStep(Math.max(1, rows), 1, 1);
    step.tokens = rows;
    step.sequences = 1;
    step.tokenCount[0] = rows;
    step.firstPosition[0] = firstPosition;
    for (int t = 0; t < rows; t++) {
      step.positions[t] = firstPosition + t;
    }
    return step;
  }
}
