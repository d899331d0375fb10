package dev.krait.loading;

import dev.krait.backend.Backend;
import dev.krait.checkpoint.Checkpoint;
import dev.krait.error.EngineException;
import dev.krait.model.WeightSource;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// Weights from a checkpoint, strictly: each tensor has the expected shape, and none is left over.
final class CheckpointWeights implements WeightSource {
  private final Checkpoint checkpoint;
  private final Backend backend;
  private final StoredType type;
  private final Set<String> unused;
  private long bytes;

  CheckpointWeights(Checkpoint checkpoint, Backend backend, StoredType type) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.type = type;
    unused = new TreeSet<>(checkpoint.names());
    // Old exports store the rotary frequencies, which follow from the configuration.
    unused.removeIf(name -> name.endsWith(".rotary_emb.inv_freq"));
  }

  /// Bytes of all weights so far, in memory.
  long bytes() {
    return bytes;
  }

  /// Fails when a tensor of the checkpoint has not been asked for.
  void requireAllUsed() {
    if (!unused.isEmpty()) {
      throw EngineException.invalidCheckpoint(
          "unused tensors: "
              + unused.stream().limit(5).toList()
              + (unused.size() > 5 ? " and " + (unused.size() - 5) + " more" : "")
              + " (expected: every tensor of the checkpoint to have a role in the model)");
    }
  }

  @Override
  public boolean has(String name) {
    return checkpoint.find(name).isPresent();
  }

  @Override
  public WeightMatrix matrix(int columns, RowBlock... blocks) {
    List<Tensor> rows = new ArrayList<>();
    for (RowBlock block : blocks) {
      rows.add(
          tensor(block.name(), Shape.of(block.storedRows(), columns))
              .rows(block.first(), block.rows()));
    }
    return upload(rows);
  }

  private WeightMatrix upload(List<Tensor> rows) {
    Optional<DType> target = type.target().or(() -> commonType(rows));
    if (target.isEmpty()) {
      return counted(backend.upload(rows));
    }
    // Shared, for a backend may read on threads of its own.
    try (Arena arena = Arena.ofShared()) {
      List<Tensor> converted =
          rows.stream().map(block -> convert(block, target.get(), arena)).toList();
      return counted(backend.upload(converted));
    }
  }

  /// The type that stacked blocks of rows are kept in.
  static DType kept(List<Tensor> rows, StoredType type) {
    return type.target().or(() -> commonType(rows)).orElse(rows.getFirst().dtype());
  }

  private WeightMatrix counted(WeightMatrix matrix) {
    bytes += matrix.bytes();
    return matrix;
  }

  /// fp32 for blocks of different or of 64-bit types; empty when they already agree.
  private static Optional<DType> commonType(List<Tensor> rows) {
    DType first = rows.getFirst().dtype();
    boolean agree = first != DType.F64 && rows.stream().allMatch(block -> block.dtype() == first);
    return agree ? Optional.empty() : Optional.of(DType.F32);
  }

  private static Tensor convert(Tensor from, DType target, Arena arena) {
    if (from.dtype() == target) {
      return from;
    }
    long elements = from.shape().elements();
    MemorySegment data = arena.allocate(elements * target.bytes(), 64);
    for (long i = 0; i < elements; i++) {
      float value = from.floatAt(i);
      if (target == DType.F32) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      } else {
        data.setAtIndex(ValueLayout.JAVA_SHORT, i, DType.toBf16(value));
      }
    }
    return new Tensor(target, from.shape(), data);
  }

  @Override
  public WeightMatrix head(
      String name, int rows, int columns, String embeddingName, WeightMatrix embedding) {
    Tensor head = tensor(name, Shape.of(rows, columns));
    Tensor embedded = tensor(embeddingName, Shape.of(rows, columns));
    boolean same =
        head.dtype() == embedded.dtype()
            && (head.data().address() == embedded.data().address()
                || head.data().mismatch(embedded.data()) == -1);
    return same ? embedding : upload(List.of(head));
  }

  @Override
  public float[] values(String name, long... shape) {
    float[] values = tensor(name, Shape.of(shape)).toFloats();
    bytes += 4L * values.length;
    return values;
  }

  @Override
  public Buffer buffer(float[] values) {
    Buffer buffer = backend.allocate(values.length);
    buffer.write(0, values);
    return buffer;
  }

  private Tensor tensor(String name, Shape expected) {
    Tensor tensor = checkpoint.require(name);
    if (!tensor.shape().equals(expected)) {
      throw EngineException.invalidCheckpoint(
          "tensor " + name + ": shape " + tensor.shape() + " (expected: " + expected + ")");
    }
    if (!tensor.dtype().isFloat()) {
      throw EngineException.invalidCheckpoint(
          "tensor " + name + ": type " + tensor.dtype() + " (expected: F32, F16, BF16 or F64)");
    }
    unused.remove(name);
    return tensor;
  }
}
