package dev.krait.backend;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.ServiceLoader;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Finds the backend that a configuration asks for.
public final class Backends {
  private Backends() {}

  /// An opened backend and why it was taken.
  ///
  /// @param backend the backend, to be closed by the caller
  /// @param reason for people
  public record Selection(Backend backend, String reason) {}

  /// Opens the named backend, or with `auto` the best that this machine can run.
  ///
  /// @throws EngineException INVALID_ARGUMENT for an unknown name; UNSUPPORTED, with the reason,
  ///   when the machine cannot run it
  ///
  /// @param fits whether a numeric mode may be taken; asked about the backend's, the fastest first
  public static Selection select(String name, OptionalInt threads, Predicate<NumericMode> fits) {
    return select(name, threads, fits, providers());
  }

  private static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparingInt(BackendProvider::preference).reversed())
        .toList();
  }

  /// Limits for the backend that [#select] takes for a name; where it takes none, those of
  /// processors.
  public static UsualLimits usualLimits(String name) {
    return usualLimits(name, providers());
  }

  /// The same, from providers in the order in which `auto` asks them.
  static UsualLimits usualLimits(String name, List<BackendProvider> providers) {
    boolean auto = name.equals("auto");
    return providers.stream()
        .filter(provider -> auto ? isBest(provider) : provider.name().equals(name))
        .findFirst()
        .map(BackendProvider::usualLimits)
        .orElse(UsualLimits.PROCESSORS);
  }

  private static boolean isBest(BackendProvider provider) {
    return provider.preference() >= 0 && provider.unavailable().isEmpty();
  }

  /// The same, from providers in the order in which `auto` asks them.
  static Selection select(
      String name,
      OptionalInt threads,
      Predicate<NumericMode> fits,
      List<BackendProvider> providers) {
    return name.equals("auto")
        ? best(providers, threads, fits)
        : named(providers, name, threads, fits);
  }

  private static Backend open(
      BackendProvider provider, OptionalInt threads, Predicate<NumericMode> fits) {
    for (NumericMode mode : provider.modes()) {
      if (fits.test(mode)) {
        return provider.open(threads, mode);
      }
    }
    throw EngineException.invalidArgument(
        "numerics",
        names(Stream.of(NumericMode.values()).filter(fits)),
        names(provider.modes().stream()) + " on the backend " + provider.name());
  }

  private static String names(Stream<NumericMode> modes) {
    return modes.map(NumericMode::text).collect(Collectors.joining(" or "));
  }

  private static Selection best(
      List<BackendProvider> providers, OptionalInt threads, Predicate<NumericMode> fits) {
    StringBuilder passed = new StringBuilder();
    for (BackendProvider provider : providers) {
      var unavailable = provider.unavailable();
      if (unavailable.isEmpty() && provider.preference() >= 0) {
        String reason = passed.isEmpty() ? "the best in this build" : "auto" + passed;
        return new Selection(open(provider, threads, fits), reason);
      }
      unavailable.ifPresent(
          why -> passed.append("; ").append(provider.name()).append(": ").append(why));
    }
    throw new EngineException(
        ErrorCode.UNSUPPORTED,
        "backend: auto found none (expected: one that this machine can run; reference, which is"
            + " many times slower, is only taken when asked for)"
            + passed);
  }

  private static Selection named(
      List<BackendProvider> providers,
      String name,
      OptionalInt threads,
      Predicate<NumericMode> fits) {
    for (BackendProvider provider : providers) {
      if (provider.name().equals(name)) {
        if (provider.unavailable().isPresent()) {
          throw new EngineException(
              ErrorCode.UNSUPPORTED,
              "backend: " + name + " cannot run here: " + provider.unavailable().get());
        }
        return new Selection(open(provider, threads, fits), "asked for");
      }
    }
    String known = providers.stream().map(BackendProvider::name).collect(Collectors.joining(", "));
    throw EngineException.invalidArgument("backend", name, "auto or one in this build: " + known);
  }
}
