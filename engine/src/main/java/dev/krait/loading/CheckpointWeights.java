package dev.krait.loading;

import dev.krait.checkpoint.Checkpoint;
import dev.krait.error.EngineException;
import dev.krait.model.WeightSource;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/// Weights from a checkpoint, strictly: each tensor has the expected shape, and none is left over.
final class CheckpointWeights implements WeightSource {
  private final Checkpoint checkpoint;
  private final StoredType type;
  private final Function<StoredMatrix, WeightMatrix> upload;
  private final Function<float[], Buffer> write;
  private final Set<String> unused;
  private long bytes;

  /// @param names of the tensors that have a role
  /// @param upload what is done with a matrix
  /// @param write what is done with a vector
  CheckpointWeights(
      Checkpoint checkpoint,
      Collection<String> names,
      StoredType type,
      Function<StoredMatrix, WeightMatrix> upload,
      Function<float[], Buffer> write) {
    this.checkpoint = checkpoint;
    this.type = type;
    this.upload = upload;
    this.write = write;
    unused = new TreeSet<>(names);
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
      boolean stacked = block.stack() > 0;
      Shape expected =
          stacked
              ? Shape.of(block.stack(), block.storedRows(), columns)
              : Shape.of(block.storedRows(), columns);
      Tensor stored = tensor(block.name(), expected);
      Shape flat = Shape.of(expected.elements() / columns, columns);
      rows.add(new Tensor(stored.dtype(), flat, stored.data()).rows(block.first(), block.rows()));
    }
    return kept(rows);
  }

  @Override
  public WeightMatrix matrix(int columns, float[] values) {
    Shape shape = Shape.of(values.length / columns, columns);
    return kept(List.of(new Tensor(DType.F32, shape, MemorySegment.ofArray(values))));
  }

  private WeightMatrix kept(List<Tensor> rows) {
    StoredMatrix.Dense stored =
        type.target()
            .map(dtype -> new StoredMatrix.Dense(rows, dtype))
            .orElseGet(() -> StoredMatrix.Dense.of(rows));
    WeightMatrix matrix = upload.apply(stored);
    bytes += matrix.bytes();
    return matrix;
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
    return same ? embedding : kept(List.of(head));
  }

  @Override
  public float[] values(String name, long... shape) {
    return tensor(name, Shape.of(shape)).toFloats();
  }

  @Override
  public Buffer buffer(float[] values) {
    bytes += 4L * values.length;
    return write.apply(values);
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
