package dev.krait.service;

import dev.krait.engine.SessionInfo;
import dev.krait.engine.Sessions;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Sessions as both protocols know them: each key of the server has names of its own, and a folder
/// of its own for the files. Any thread; calls wait for the engine and the disk.
public final class SessionService {
  private static final Logger LOG = LoggerFactory.getLogger(SessionService.class);
  private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");
  private static final String FIELD = "session_id";

  private final Sessions sessions;
  private final Optional<SessionFolder> files;
  private final boolean restores;

  /// Names that the engine has, so that most requests need not ask it.
  private final Set<String> known = ConcurrentHashMap.newKeySet();

  /// A session as it is reported.
  ///
  /// @param id as the client calls it
  /// @param tokens that are held
  /// @param bytes of a copy of what is held
  /// @param savedBytes of its file; 0 when there is none
  public record Item(String id, int tokens, long bytes, long savedBytes) {}

  /// Sessions over those of the engine.
  ///
  /// @param files where they are saved; empty when they cannot be
  /// @param restores whether one that is saved is read when it is named first
  public SessionService(Sessions sessions, Optional<SessionFolder> files, boolean restores) {
    this.sessions = sessions;
    this.files = files;
    this.restores = restores;
  }

  /// The engine's name of the session that a request names, which exists from now on.
  ///
  /// @throws EngineException INVALID_ARGUMENT for what is no id, RESOURCE_EXHAUSTED when there are
  ///   too many sessions
  public String named(Admission.Client client, String id) {
    String name = name(client, id);
    if (!known.contains(name)) {
      if (!sessions.exists(name)) {
        restoreIfSaved(name);
        sessions.open(name);
      }
      known.add(name);
    }
    return name;
  }

  /// Makes a session unless there is one.
  public Item put(Admission.Client client, String id) {
    return item(client, sessions.get(named(client, id)));
  }

  /// A session at a glance.
  ///
  /// @throws EngineException NOT_FOUND
  public Item get(Admission.Client client, String id) {
    return item(client, sessions.get(existing(client, id)));
  }

  /// All sessions of a client, those that are only saved behind those that the engine has.
  public List<Item> list(Admission.Client client) {
    String prefix = prefix(client);
    List<Item> items = new ArrayList<>();
    sessions.list(prefix).forEach(info -> items.add(item(client, info)));
    List<String> held = items.stream().map(Item::id).toList();
    files.ifPresent(folder ->
        folder.names(prefix).stream()
            .map(name -> name.substring(prefix.length()))
            .filter(id -> !held.contains(id))
            .forEach(id -> items.add(new Item(id, 0, 0, folder.bytes(prefix + id)))));
    return items;
  }

  /// Ends a session and deletes its file.
  ///
  /// @throws EngineException NOT_FOUND when there is neither
  public void delete(Admission.Client client, String id) {
    String name = name(client, id);
    known.remove(name);
    boolean file = files.map(folder -> folder.delete(name)).orElse(false);
    if (!file || sessions.exists(name)) {
      sessions.delete(name);
    }
  }

  /// Saves a session.
  public Item save(Admission.Client client, String id) {
    String name = existing(client, id);
    SessionFolder folder = folder();
    folder.requireRoom(name, sessions.get(name).bytes());
    sessions.save(name, folder.file(name));
    return item(client, sessions.get(name));
  }

  /// Restores a session from its file, whatever it holds now.
  ///
  /// @throws EngineException NOT_FOUND when it is not saved; INVALID_ARGUMENT when the file does
  ///   not fit the model, or is damaged
  public Item restore(Admission.Client client, String id) {
    String name = name(client, id);
    Path file = folder().file(name);
    if (folder().bytes(name) == 0) {
      throw new EngineException(
          ErrorCode.NOT_FOUND, FIELD, "session_id: not saved (expected: a session with a file)");
    }
    SessionInfo restored = sessions.restore(name, file);
    known.add(name);
    return item(client, restored);
  }

  /// Makes another session that holds the same.
  ///
  /// @throws EngineException NOT_FOUND, or INVALID_ARGUMENT when the other exists
  public Item fork(Admission.Client client, String id, String to) {
    String target = name(client, to);
    SessionInfo fork = sessions.fork(existing(client, id), target);
    known.add(target);
    return item(client, fork);
  }

  /// The engine's name of a session, restored where that is due.
  private String existing(Admission.Client client, String id) {
    String name = name(client, id);
    if (!known.contains(name) && !sessions.exists(name)) {
      restoreIfSaved(name);
    }
    return name;
  }

  /// A session that cannot be restored is computed again: no request fails for it.
  private void restoreIfSaved(String name) {
    if (!restores || files.map(folder -> folder.bytes(name)).orElse(0L) == 0) {
      return;
    }
    try {
      SessionInfo restored = sessions.restore(name, folder().file(name));
      known.add(name);
      LOG.info("session {}: restored, {} tokens", name, restored.tokens());
    } catch (EngineException refusal) {
      LOG.warn("session {}: not restored: {}", name, refusal.getMessage());
    }
  }

  private SessionFolder folder() {
    return files.orElseThrow(() ->
        new EngineException(
            ErrorCode.UNSUPPORTED,
            FIELD,
            "session_id: sessions are not saved here (expected: a server with --session-dir)"));
  }

  private Item item(Admission.Client client, SessionInfo info) {
    long saved = files.map(folder -> folder.bytes(info.name())).orElse(0L);
    String id = info.name().substring(prefix(client).length());
    return new Item(id, info.tokens(), info.bytes(), saved);
  }

  private static String prefix(Admission.Client client) {
    return client.key().map(key -> "key-" + key).orElse("open") + "/";
  }

  private static String name(Admission.Client client, String id) {
    if (!ID.matcher(id).matches()) {
      throw EngineException.invalidArgument(
          FIELD, id, "1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit");
    }
    return prefix(client) + id;
  }
}
