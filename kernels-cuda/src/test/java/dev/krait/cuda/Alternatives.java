package dev.krait.cuda;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.NumericMode;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Norm;
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
import java.util.Optional;
import java.util.SplittableRandom;

/// Products and attention in the shapes and sizes between which kernels are chosen, with the same
/// inputs on every backend.
final class Alternatives {
  /// Around the tiles of all kernels.
  private static final int[] TOKENS = {1, 3, 8, 9, 16, 17, 40, 64, 65, 130, 200};

  /// Rows and columns: narrow, narrow, smaller than a tile, usual, larger than a round of tiles.
  private static final int[][] SHAPES = {
    {40, 1100}, {300, 1030}, {24, 64}, {1504, 304}, {4160, 80}
  };

  private static final int[] HALVES = {16, 48, 320, 1000};
  private static final int GATED_COLUMNS = 304;
  private static final int[] HEAD_DIMS = {32, 64, 80, 96, 128, 256};
  private static final int HEADS = 8;
  private static final int KV_HEADS = 2;
  private static final int BLOCK_TOKENS = 16;
  private static final int MAX_BLOCKS = 40;

  private final Backend backend;
  private final SplittableRandom random = new SplittableRandom(1);
  private final List<float[]> results = new ArrayList<>();

  Alternatives(Backend backend) {
    this.backend = backend;
  }

  List<float[]> results() {
    boolean exact = backend.numericMode() == NumericMode.EXACT;
    for (DType type : exact ? List.of(DType.BF16, DType.F16, DType.F32) : List.of(DType.BF16)) {
      for (int[] shape : SHAPES) {
        products(matrix(shape[0], shape[1], type));
      }
    }
    for (int half : HALVES) {
      gatedProducts(matrix(2 * half, GATED_COLUMNS, DType.BF16));
    }
    for (int headDim : HEAD_DIMS) {
      attention(Attention.of(HEADS, KV_HEADS, headDim));
      attention(Attention.of(HEADS, KV_HEADS, headDim).withWindow(100));
    }
    return results;
  }

  private void products(WeightMatrix weight) {
    for (int tokens : TOKENS) {
      Rows dst = rows(tokens, weight.rows(), 0);
      backend.ops().matmul(dst, rows(tokens, weight.columns(), 1), weight, tokens);
      keep(dst);
    }
  }

  /// Of what a norm has written, which may be an operand.
  private void gatedProducts(WeightMatrix weight) {
    int columns = weight.columns();
    int half = weight.rows() / 2;
    Norm norm = new Norm(columns, 1e-5f);
    for (int tokens : TOKENS) {
      Rows x = backend.allocateOperand(tokens, columns);
      Rows ones = rows(1, columns, 1);
      backend.ops().rmsNorm(new NormArgs(x, rows(tokens, columns, 1), ones.buffer(), norm), tokens);
      Rows dst = rows(tokens, half, 0);
      Rows gateUp = rows(tokens, 2 * half, 0);
      backend.ops().gatedMatmul(GatedMatmulArgs.of(dst, gateUp, x, weight), tokens);
      keep(dst);
    }
  }

  /// Two prompts, then steps of one token, of drafts, of a chunk beside tokens, and a long prompt.
  private void attention(Attention attention) {
    long elements = 2L * MAX_BLOCKS * BLOCK_TOKENS * attention.kvHeads() * attention.headDim();
    KvCache cache =
        new KvCache(
            backend.allocate(backend.keyValueType(), elements),
            backend.allocate(backend.keyValueType(), elements),
            BLOCK_TOKENS);
    attend(attention, cache, new int[] {0, 300}, new int[] {0, 20});
    attend(attention, cache, new int[] {300, 1}, new int[] {20, 1});
    attend(attention, cache, new int[] {301, 1}, new int[] {21, 6});
    attend(attention, cache, new int[] {302, 1}, new int[] {27, 70});
    attend(attention, cache, new int[] {303, 200}, new int[] {97, 1});
  }

  /// @param spans first position and number of tokens, by sequence
  private void attend(Attention attention, KvCache cache, int[]... spans) {
    int tokens = 0;
    for (int[] span : spans) {
      tokens += span[1];
    }
    StepInputs step = backend.newStep(tokens, spans.length, MAX_BLOCKS);
    for (int[] span : spans) {
      int sequence = step.sequences++;
      step.firstToken[sequence] = step.tokens;
      step.firstPosition[sequence] = span[0];
      step.tokenCount[sequence] = span[1];
      for (int b = 0; b < MAX_BLOCKS; b++) {
        step.blockTable[sequence * MAX_BLOCKS + b] = 2 * b + sequence;
      }
      for (int i = 0; i < span[1]; i++) {
        step.positions[step.tokens] = span[0] + i;
        step.sequenceOf[step.tokens++] = sequence;
      }
    }
    int width = attention.heads() * attention.headDim();
    int kvWidth = attention.kvHeads() * attention.headDim();
    Rows dst = rows(tokens, width, 0);
    AttentionArgs args =
        new AttentionArgs(
            dst,
            rows(tokens, width, 2),
            rows(tokens, kvWidth, 2),
            rows(tokens, kvWidth, 2),
            Optional.empty(),
            cache,
            attention);
    backend.ops().writeKv(args, step);
    backend.ops().attend(args, step);
    keep(dst);
  }

  private void keep(Rows rows) {
    float[] content = new float[Math.toIntExact(rows.buffer().elements())];
    rows.buffer().read(0, content);
    results.add(content);
  }

  private Rows rows(int count, int columns, float scale) {
    float[] values = new float[count * columns];
    for (int i = 0; scale > 0 && i < values.length; i++) {
      values[i] = (float) random.nextDouble(-scale, scale);
    }
    return Rows.of(backend.bufferOf(values), columns);
  }

  private WeightMatrix matrix(int rows, int columns, DType type) {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(rows * columns * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rows * columns; i++) {
      float value = (float) random.nextDouble(-1, 1);
      switch (type) {
        case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >> 16));
        case F16 -> bytes.putShort(Float.floatToFloat16(value));
        case F32 -> bytes.putFloat(value);
        case F64, I64, I32, I16, I8, U8, BOOL ->
            throw new IllegalArgumentException("type: " + type);
      }
    }
    Tensor tensor = new Tensor(type, Shape.of(rows, columns), MemorySegment.ofBuffer(bytes.flip()));
    return backend.upload(StoredMatrix.Dense.of(List.of(tensor)));
  }
}
