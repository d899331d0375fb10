package dev.krait.backend;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Makes backends of one kind; found through [java.util.ServiceLoader].
public interface BackendProvider {

  /// The name that a configuration asks for.
  String name();

  /// Among usable providers `auto` takes the one of the highest preference; negative is never
  /// taken.
  int preference();

  /// Why this machine cannot run it; empty when it can.
  Optional<String> unavailable();

  /// The numeric modes that this machine can run, the fastest first.
  List<NumericMode> modes();

  /// Limits of an engine that is told none.
  default UsualLimits usualLimits() {
    return UsualLimits.PROCESSORS;
  }

  /// Opens a backend.
  ///
  /// @param threads compute threads; empty takes every processor
  /// @param mode one of [#modes]
  Backend open(OptionalInt threads, NumericMode mode);
}
