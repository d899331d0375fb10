package dev.krait.session;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;

/// What a saved state belongs to: another model, or other numbers, would continue it wrongly.
///
/// @param weights digest of every tensor: name, type, shape and bytes
/// @param config digest of the configuration files
/// @param numerics backend, numeric mode and the type that weights are kept in
public record ModelFingerprint(String weights, String config, String numerics) {

  /// Refuses what was saved of another model.
  ///
  /// @param saved what the file says
  /// @param file for the message
  /// @throws EngineException INVALID_ARGUMENT naming the part that differs
  void requireSame(ModelFingerprint saved, String file) {
    require(file, "weights", saved.weights, weights);
    require(file, "configuration", saved.config, config);
    require(file, "numerics", saved.numerics, numerics);
  }

  private static void require(String file, String part, String received, String expected) {
    if (!received.equals(expected)) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session",
          "%s: saved with %s %s (expected: %s, as served)"
              .formatted(file, part, EngineException.shown(received), expected));
    }
  }
}
