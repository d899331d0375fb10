package dev.krait.cuda;

import dev.krait.backend.Backend;
import dev.krait.backend.MachineRates;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.DeviceBuffer;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// One NVIDIA GPU. Weights, activations and caches lie in its memory; everything runs in order on
/// one stream, and only reading a buffer waits for it.
public final class CudaBackend implements Backend {
  private final CudaDevice device;
  private final CudaOps ops;
  private final List<CudaStep> steps = new ArrayList<>();
  private final MatrixUploader uploader;

  private CudaBackend(CudaDevice device) {
    this.device = device;
    ops = new CudaOps(device);
    uploader = new MatrixUploader(device);
  }

  /// A backend on the first device.
  static CudaBackend open() {
    CudaDevice device = CudaDevice.open(0);
    try {
      return new CudaBackend(device);
    } catch (RuntimeException failure) {
      device.close();
      throw failure;
    }
  }

  @Override
  public String name() {
    return "cuda";
  }

  /// Device and compute capability, such as `cuda: NVIDIA H100 80GB HBM3, sm_90`.
  @Override
  public String describe() {
    return "cuda: " + device.name() + ", sm_" + device.capability();
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public Buffer allocate(long elements) {
    return DeviceBuffer.allocate(device, elements);
  }

  @Override
  public OptionalLong freeBytes() {
    return OptionalLong.of(device.freeBytes());
  }

  @Override
  public WeightMatrix upload(List<Tensor> rowBlocks) {
    return uploader.upload(rowBlocks);
  }

  @Override
  public StepInputs newStep(int maxTokens, int maxSequences, int maxBlocks) {
    CudaStep step = new CudaStep(device, maxTokens, maxSequences, maxBlocks);
    steps.add(step);
    return step;
  }

  @Override
  public void run(StepInputs step, Runnable body) {
    CudaStep own = (CudaStep) step;
    ops.begin(own);
    try {
      own.graphs().run(own, body);
    } finally {
      ops.end();
    }
  }

  @Override
  public Optional<MachineRates> measureRates() {
    return Optional.of(CudaRates.measure(device));
  }

  @Override
  public void close() {
    steps.forEach(step -> step.graphs().close());
    device.close();
  }
}
