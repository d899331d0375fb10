package dev.krait.engine;

import dev.krait.cache.prefix.HeldPrefix;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.runner.CacheContents;
import dev.krait.session.ModelFingerprint;
import dev.krait.session.SavedSession;
import dev.krait.session.SessionFile;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/// Conversations by name. A session holds what was computed of its conversation, so that the next
/// turn starts behind it; a request that names one in [dev.krait.generation.GenerationRequest]
/// moves it to the end of the reply. It changes what is computed, never an answer.
///
/// Any thread may call; calls wait for the engine thread, files are read and written on the
/// caller's thread.
public final class Sessions {
  private final EngineHandle handle;
  private final EngineLoop loop;
  private final CacheContents contents;
  private final Supplier<ModelFingerprint> fingerprint;

  /// Sessions of an engine.
  ///
  /// @param contents of the caches that its runner computes with
  /// @param fingerprint of the model; asked when a session is saved or restored
  public Sessions(EngineLoop loop, CacheContents contents, Supplier<ModelFingerprint> fingerprint) {
    this.loop = loop;
    this.contents = contents;
    this.fingerprint = fingerprint;
    handle = loop.handle();
  }

  /// Makes a session that holds nothing yet, unless there is one.
  ///
  /// @return true when it is new
  /// @throws EngineException UNSUPPORTED when no prefixes are kept; RESOURCE_EXHAUSTED when there
  ///   are too many sessions
  public boolean open(String name) {
    return ask(() -> table().open(name));
  }

  /// Whether there is one.
  public boolean exists(String name) {
    return ask(() -> table().has(name));
  }

  /// A session at a glance.
  ///
  /// @throws EngineException NOT_FOUND
  public SessionInfo get(String name) {
    return ask(() -> info(name));
  }

  /// All sessions whose names begin so, by name.
  public List<SessionInfo> list(String prefix) {
    return ask(() -> table().names(prefix).stream().map(this::info).toList());
  }

  /// Ends a session; what it held may be evicted.
  ///
  /// @throws EngineException NOT_FOUND
  public void delete(String name) {
    ask(() -> {
      table().delete(name);
      return true;
    });
  }

  /// Makes another session that holds the same.
  ///
  /// @throws EngineException NOT_FOUND, INVALID_ARGUMENT when there is one of that name, or as
  ///   [#open]
  public SessionInfo fork(String from, String to) {
    return ask(() -> {
      table().fork(from, to);
      return info(to);
    });
  }

  /// Writes what a session holds to a file, which is then on the disk; on failure what was there
  /// stays.
  ///
  /// @throws EngineException NOT_FOUND; INVALID_ARGUMENT when it holds nothing; RESOURCE_EXHAUSTED
  ///   when the file cannot be written
  public SessionInfo save(String name, Path file) {
    ModelFingerprint model = fingerprint.get();
    SavedSession saved = ask(() -> copied(name, model));
    SessionFile.write(file, saved);
    return new SessionInfo(name, saved.tokens().size(), saved.bytes());
  }

  /// Reads a session from a file; one of this name is replaced.
  ///
  /// @throws EngineException NOT_FOUND when there is no file; INVALID_ARGUMENT when it is damaged,
  ///   of another version, model or numeric mode; RESOURCE_EXHAUSTED when there is no room
  public SessionInfo restore(String name, Path file) {
    SavedSession saved = SessionFile.read(file, fingerprint.get());
    return ask(() -> {
      inserted(name, saved);
      return info(name);
    });
  }

  private SessionTable table() {
    return loop.sessions();
  }

  private SessionInfo info(String name) {
    int tokens = table().require(name).tokens();
    return new SessionInfo(name, tokens, tokens == 0 ? 0 : contents.bytes(tokens));
  }

  private SavedSession copied(String name, ModelFingerprint model) {
    HeldPrefix prefix = table().require(name);
    if (prefix.tokens() == 0) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session_id",
          "session_id: the session holds nothing, or not any more (expected: a request that names it before it is saved)");
    }
    if (!prefix.salt().isEmpty()) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "cache_salt",
          "cache_salt: the session's last request has one (expected: none; a file would be found by all)");
    }
    loop.makeCopies();
    return new SavedSession(
        model,
        prefix.tokenIds(),
        contents.read(prefix.tokens(), prefix.blocks(), prefix.stateSlot()));
  }

  private void inserted(String name, SavedSession saved) {
    contents.requireFitting(saved.parts(), saved.tokens().size());
    boolean made = table().open(name);
    HeldPrefix prefix =
        loop.pools()
            .insert(saved.tokens())
            .orElseThrow(() -> {
              if (made) {
                table().delete(name);
              }
              return new EngineException(
                  ErrorCode.RESOURCE_EXHAUSTED,
                  "session",
                  "session: no room for its %d tokens (expected: free blocks and a free state slot; try later)"
                      .formatted(saved.tokens().size()));
            });
    loop.makeCopies();
    contents.write(saved.parts(), prefix.tokens(), prefix.blocks(), prefix.stateSlot());
    table().put(name, prefix);
  }

  private <T> T ask(Supplier<T> question) {
    try {
      return handle.ask(question).join();
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof EngineException refusal) {
        throw refusal;
      }
      throw failure;
    }
  }
}
