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
  private final ReferenceOps ops = new ReferenceOps();

  /// A backend on the calling thread.
  public ReferenceBackend() {}

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
    return NumericMode.EXACT;
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
    return ReferenceMatrix.of(rowBlocks);
  }

  @Override
  public void close() {}
}
