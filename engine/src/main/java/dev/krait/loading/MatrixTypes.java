package dev.krait.loading;

import dev.krait.backend.HostBuffer;
import dev.krait.checkpoint.Checkpoint;
import dev.krait.model.WeightSource;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/// Takes down in which types a family's matrices would be kept, without loading any.
final class MatrixTypes implements WeightSource {
  private final Checkpoint checkpoint;
  private final StoredType type;
  private final Set<DType> found = EnumSet.noneOf(DType.class);

  /// What stands for a matrix.
  private record Described(int rows, int columns, DType dtype) implements WeightMatrix {
    @Override
    public long bytes() {
      return (long) rows * columns * dtype.bytes();
    }
  }

  MatrixTypes(Checkpoint checkpoint, StoredType type) {
    this.checkpoint = checkpoint;
    this.type = type;
  }

  Set<DType> found() {
    return found;
  }

  @Override
  public boolean has(String name) {
    return checkpoint.find(name).isPresent();
  }

  @Override
  public WeightMatrix matrix(int columns, RowBlock... blocks) {
    List<Tensor> stored =
        Arrays.stream(blocks).map(block -> checkpoint.require(block.name())).toList();
    int rows = Arrays.stream(blocks).mapToInt(RowBlock::rows).sum();
    return described(rows, columns, stored);
  }

  private WeightMatrix described(int rows, int columns, List<Tensor> stored) {
    DType kept = CheckpointWeights.kept(stored, type);
    found.add(kept);
    return new Described(rows, columns, kept);
  }

  @Override
  public WeightMatrix head(
      String name, int rows, int columns, String embeddingName, WeightMatrix embedding) {
    return described(rows, columns, List.of(checkpoint.require(name)));
  }

  @Override
  public float[] values(String name, long... shape) {
    return new float[Math.toIntExact(Shape.of(shape).elements())];
  }

  @Override
  public Buffer buffer(float[] values) {
    return HostBuffer.over(values);
  }
}
