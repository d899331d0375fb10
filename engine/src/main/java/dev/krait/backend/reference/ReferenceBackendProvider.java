package dev.krait.backend.reference;

import dev.krait.backend.Backend;
import dev.krait.backend.BackendProvider;
import dev.krait.backend.NumericMode;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Offers the scalar backend to who asks for it: it is many times slower than any other.
public final class ReferenceBackendProvider implements BackendProvider {

  /// For the service loader.
  public ReferenceBackendProvider() {}

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int preference() {
    return -1;
  }

  @Override
  public Optional<String> unavailable() {
    return Optional.empty();
  }

  @Override
  public List<NumericMode> modes() {
    return List.of(NumericMode.EXACT, NumericMode.BF16);
  }

  @Override
  public Backend open(OptionalInt threads, NumericMode mode) {
    return new ReferenceBackend(mode);
  }
}
