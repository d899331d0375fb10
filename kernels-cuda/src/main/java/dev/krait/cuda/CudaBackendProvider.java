package dev.krait.cuda;

import dev.krait.backend.Backend;
import dev.krait.backend.BackendProvider;
import dev.krait.backend.NumericMode;
import dev.krait.backend.UsualLimits;
import dev.krait.cuda.driver.CudaDevice;
import dev.krait.cuda.driver.KernelModule;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Offers the first NVIDIA GPU that the driver shows, where this build has code for it.
public final class CudaBackendProvider implements BackendProvider {
  private static final int PREFERENCE = 20;

  /// As many sequences as decode in one graph, and prompts of a size at which products are bound by
  /// arithmetic and a step still takes less than a tenth of a second on an H200.
  private static final UsualLimits LIMITS = new UsualLimits(256, 2048);

  /// For the service loader.
  public CudaBackendProvider() {}

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int preference() {
    return PREFERENCE;
  }

  @Override
  public Optional<String> unavailable() {
    Optional<String> missing = CudaDevice.unavailable();
    if (missing.isPresent()) {
      return missing;
    }
    int capability = CudaDevice.firstCapability();
    return KernelModule.isCompiledFor(capability)
        ? Optional.empty()
        : Optional.of(
            "no kernels for compute capability %d.%d in this build (expected: 8.0, 8.6 to 8.9 or 9.0, and an nvcc when it was built)"
                .formatted(capability / 10, capability % 10));
  }

  /// `bf16` needs the copy engine and the tensor cores of compute capability 9.0.
  @Override
  public List<NumericMode> modes() {
    return CudaDevice.firstCapability() == 90
        ? List.of(NumericMode.BF16, NumericMode.EXACT)
        : List.of(NumericMode.EXACT);
  }

  @Override
  public UsualLimits usualLimits() {
    return LIMITS;
  }

  @Override
  public Backend open(OptionalInt threads, NumericMode mode) {
    return CudaBackend.open(mode);
  }
}
