package dev.krait.cuda;

import dev.krait.backend.Backend;
import dev.krait.backend.MachineRates;
import dev.krait.backend.NumericMode;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.DeviceBuffer;
import dev.krait.model.Activation;
import dev.krait.model.FeedForward;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.LatentAttention;
import dev.krait.model.Mixer;
import dev.krait.model.RoutedMlp;
import dev.krait.model.ShortConv;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// One NVIDIA GPU. Weights, activations and caches lie in its memory; everything runs in order on
/// one stream, and only reading a buffer or awaiting a step waits for it.
public final class CudaBackend implements Backend {
  private final CudaDevice device;
  private final NumericMode mode;
  private final CudaOps ops;
  private final List<CudaStep> steps = new ArrayList<>();
  private final MatrixUploader uploader;

  private CudaBackend(CudaDevice device, NumericMode mode) {
    this.device = device;
    this.mode = mode;
    ops = new CudaOps(device, mode);
    uploader = new MatrixUploader(device, mode);
  }

  /// A backend on the first device.
  static CudaBackend open(NumericMode mode) {
    CudaDevice device = CudaDevice.open(0);
    try {
      return new CudaBackend(device, mode);
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

  /// Kernels that the system property `krait.cuda.kernels` may force: to each there are others that
  /// give the same bits.
  List<String> alternatives() {
    return ops.alternatives();
  }

  @Override
  public Ops ops() {
    return ops;
  }

  @Override
  public NumericMode numericMode() {
    return mode;
  }

  @Override
  public DType keyValueType() {
    return switch (mode) {
      case EXACT -> DType.F32;
      case BF16 -> DType.BF16;
    };
  }

  @Override
  public Rows allocateOperand(int rows, int columns) {
    return switch (mode) {
      case EXACT -> Backend.super.allocateOperand(rows, columns);
      case BF16 -> Rows.of(OperandBuffer.allocate(device, rows, columns), columns);
    };
  }

  @Override
  public Buffer allocate(DType type, long elements) {
    return DeviceBuffer.allocate(device, type, elements);
  }

  @Override
  public OptionalLong freeBytes() {
    return OptionalLong.of(device.freeBytes());
  }

  @Override
  public long scratchBytes(List<Mixer> mixers, int maxModelTokens) {
    long attention =
        mixers.stream()
            .filter(Mixer.Attention.class::isInstance)
            .mapToLong(mixer -> ops.attentionScratchBytes((Mixer.Attention) mixer, maxModelTokens))
            .max()
            .orElse(0);
    return attention + StepGraphs.MAX_BYTES;
  }

  @Override
  public Optional<String> missing(Mixer mixer) {
    return switch (mixer) {
      case GatedDeltaNet delta -> Optional.of("gated delta nets");
      case LatentAttention latent -> Optional.of("latent attention");
      case RoutedMlp experts -> Optional.of("mixtures of experts");
      case Mixer.Attention attention -> Optional.empty();
      case Mixer.Mamba1 mamba -> Optional.empty();
      case Mixer.Mamba2 mamba -> Optional.empty();
      case ShortConv conv -> Optional.empty();
      case FeedForward.GatedMlp mlp ->
          mlp.activation() == Activation.SILU
              ? Optional.empty()
              : Optional.of("gated feed-forwards with " + mlp.activation());
      case FeedForward.Mlp mlp -> Optional.empty();
    };
  }

  @Override
  public boolean supports(StoredMatrix matrix) {
    return mode.fits(matrix);
  }

  @Override
  public WeightMatrix upload(StoredMatrix matrix) {
    requireSupported(matrix);
    return switch (matrix) {
      case StoredMatrix.Dense dense -> uploader.upload(dense);
    };
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
      own.finish();
    } finally {
      ops.end();
    }
  }

  @Override
  public boolean runsAhead() {
    return true;
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
