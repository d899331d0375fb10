package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.SessionLimits;
import dev.krait.error.EngineException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import picocli.CommandLine.Option;

/// The options that say what conversations may hold and where they are saved.
final class SessionOptions {
  @Option(
      names = "--max-sessions",
      paramLabel = "N",
      defaultValue = "" + SessionLimits.DEFAULT_MAX_SESSIONS,
      description = "Most sessions, and most files of sessions; default: ${DEFAULT-VALUE}.")
  int maxSessions;

  @Option(
      names = "--session-memory",
      paramLabel = "SIZE",
      description =
          "Most of the caches that is held for sessions, such as 4GiB; default: half of them.")
  Optional<ByteSize> memory = Optional.empty();

  @Option(
      names = "--session-dir",
      paramLabel = "DIR",
      description = "Folder that sessions are saved to; without it they cannot be.")
  Optional<Path> folder = Optional.empty();

  @Option(
      names = "--session-disk",
      paramLabel = "SIZE",
      defaultValue = "64GiB",
      description = "Most bytes of all saved sessions; default: ${DEFAULT-VALUE}.")
  ByteSize disk = new ByteSize(64L << 30);

  @Option(
      names = "--restore-sessions",
      paramLabel = "off|lazy",
      defaultValue = "off",
      description =
          "lazy reads a saved session when a request names it first; default: ${DEFAULT-VALUE}, on POST /v1/sessions/{id}/restore alone.")
  RestoreSessions restore = RestoreSessions.OFF;

  /// Sets what the engine is told.
  void apply(EngineConfig.Builder set) {
    set.sessions =
        new SessionLimits(
            maxSessions,
            memory.map(size -> OptionalLong.of(size.bytes())).orElse(OptionalLong.empty()));
  }

  /// What the server is told.
  ServerConfig.SavedSessions saved() {
    if (restore == RestoreSessions.LAZY && folder.isEmpty()) {
      throw EngineException.invalidArgument(
          "session-dir", "none", "a folder, with --restore-sessions lazy");
    }
    return new ServerConfig.SavedSessions(folder, disk.bytes(), restore == RestoreSessions.LAZY);
  }
}
