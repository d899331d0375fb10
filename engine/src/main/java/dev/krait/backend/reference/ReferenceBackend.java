package dev.krait.backend.reference;

import dev.krait.backend.Backend;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.NumericMode;
import dev.krait.backend.Ops;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.List;

/// The scalar backend.
public final class ReferenceBackend implements Backend {
  private final NumericMode mode;
  private final ReferenceOps ops;

  /// An exact backend on the calling thread.
  public ReferenceBackend() {
    this(NumericMode.EXACT);
  }

  /// A backend on the calling thread.
  public ReferenceBackend(NumericMode mode) {
    this.mode = mode;
    ops = new ReferenceOps(mode);
  }

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String describe() {
    return "scalar reference, 1 thread";
  }

  @Override
  public NumericMode numericMode() {
    return mode;
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public Buffer allocate(long elements) {
    return HostBuffer.allocate(elements);
  }

  @Override
  public WeightMatrix upload(List<Tensor> rowBlocks) {
    ReferenceMatrix matrix = ReferenceMatrix.of(rowBlocks);
    mode.requireFits(matrix.dtype());
    return matrix;
  }

  @Override
  public void close() {}
}
