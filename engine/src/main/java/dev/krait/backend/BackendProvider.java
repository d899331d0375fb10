package dev.krait.backend;

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

  /// Opens a backend.
  ///
  /// @param threads compute threads; empty takes every processor
  Backend open(OptionalInt threads);
}
