package dev.krait.backend.reference;

import dev.krait.backend.Backend;
import dev.krait.backend.HostBuffer;
import dev.krait.backend.NumericMode;
import dev.krait.backend.Ops;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.WeightMatrix;

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
  public Buffer allocate(DType type, long elements) {
    return HostBuffer.allocate(type, elements);
  }

  @Override
  public boolean supports(StoredMatrix matrix) {
    return mode.fits(matrix);
  }

  @Override
  public WeightMatrix upload(StoredMatrix matrix) {
    requireSupported(matrix);
    return switch (matrix) {
      case StoredMatrix.Dense dense -> ReferenceMatrix.of(dense);
    };
  }

  @Override
  public void close() {}
}
