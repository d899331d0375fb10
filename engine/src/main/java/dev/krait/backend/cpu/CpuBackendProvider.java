package dev.krait.backend.cpu;

import dev.krait.backend.Backend;
import dev.krait.backend.BackendProvider;
import dev.krait.backend.NumericMode;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Offers the CPU backend to every JVM that was started with the Vector API.
public final class CpuBackendProvider implements BackendProvider {
  private static final int PREFERENCE = 10;
  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  /// For the service loader.
  public CpuBackendProvider() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int preference() {
    return PREFERENCE;
  }

  @Override
  public Optional<String> unavailable() {
    return ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent()
        ? Optional.empty()
        : Optional.of("the JVM was started without --add-modules " + VECTOR_MODULE);
  }

  @Override
  public List<NumericMode> modes() {
    return List.of(NumericMode.EXACT);
  }

  @Override
  public Backend open(OptionalInt threads, NumericMode mode) {
    return threads.isPresent() ? CpuBackend.open(threads.getAsInt()) : CpuBackend.open();
  }
}
