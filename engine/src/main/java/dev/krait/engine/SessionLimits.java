package dev.krait.engine;

import dev.krait.error.EngineException;
import java.util.OptionalLong;

/// How much conversations may hold.
///
/// @param maxSessions most names
/// @param heldBytes most bytes of keys, values and states that are held for them; empty for half of
///   the caches
public record SessionLimits(int maxSessions, OptionalLong heldBytes) {

  /// [#maxSessions] unless told otherwise.
  public static final int DEFAULT_MAX_SESSIONS = 4096;

  private static final int MAX_SESSIONS = 1 << 20;

  /// Checks the ranges.
  public SessionLimits {
    if (maxSessions < 0 || maxSessions > MAX_SESSIONS) {
      throw EngineException.invalidArgument("max-sessions", maxSessions, "0 to " + MAX_SESSIONS);
    }
  }

  /// What holds unless told otherwise.
  public static SessionLimits usual() {
    return new SessionLimits(DEFAULT_MAX_SESSIONS, OptionalLong.empty());
  }
}
