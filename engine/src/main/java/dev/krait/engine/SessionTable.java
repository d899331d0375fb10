package dev.krait.engine;

import dev.krait.cache.prefix.HeldPrefix;
import dev.krait.cache.prefix.HeldPrefixes;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import dev.krait.scheduler.Sequence;
import java.util.List;
import java.util.TreeMap;

/// Names of conversations, each with the prefix that is held for it. Engine thread only.
final class SessionTable {
  private final KvCachePools pools;
  private final int maxSessions;
  private final long maxBytes;
  private final TreeMap<String, HeldPrefix> held = new TreeMap<>();

  SessionTable(KvCachePools pools, SessionLimits limits) {
    this.pools = pools;
    maxSessions = limits.maxSessions();
    maxBytes = limits.heldBytes().orElse(pools.layout().bytes() / 2);
  }

  /// Makes a session of this name unless there is one.
  ///
  /// @return true when it is new
  /// @throws EngineException UNSUPPORTED when no prefixes are kept; RESOURCE_EXHAUSTED when there
  ///   are too many
  boolean open(String name) {
    if (held.containsKey(name)) {
      return false;
    }
    if (held.size() >= maxSessions) {
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "session_id",
          "sessions: %d (expected: fewer than max-sessions %d; delete one)"
              .formatted(held.size(), maxSessions));
    }
    put(name, hold(new PrefixKey(TokenIds.empty())));
    return true;
  }

  private HeldPrefix hold(PrefixKey key) {
    return prefixes().hold(key);
  }

  private HeldPrefixes prefixes() {
    return pools
        .held()
        .orElseThrow(() ->
            new EngineException(
                ErrorCode.UNSUPPORTED,
                "session_id",
                "session_id: no prefixes are kept (expected: a server with --prefix-caching on)"));
  }

  /// Lets a session hold something else.
  void put(String name, HeldPrefix now) {
    HeldPrefix before = held.put(name, now);
    if (before != null) {
      prefixes().release(before);
    }
    while (pools.heldBytes() > maxBytes && prefixes().giveUpFirst()) {}
  }

  boolean has(String name) {
    return held.containsKey(name);
  }

  /// What is held for a session.
  ///
  /// @throws EngineException NOT_FOUND
  HeldPrefix require(String name) {
    HeldPrefix prefix = held.get(name);
    if (prefix == null) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "session_id",
          "session_id: no such session (expected: one that was made with PUT, named by a request, or restored)");
    }
    return prefix;
  }

  /// Names that begin so, in order.
  List<String> names(String prefix) {
    return held.tailMap(prefix).keySet().stream()
        .takeWhile(name -> name.startsWith(prefix))
        .toList();
  }

  /// Ends a session; what it held may be evicted.
  void delete(String name) {
    prefixes().release(require(name));
    held.remove(name);
  }

  /// Makes another session that holds the same.
  void fork(String from, String to) {
    HeldPrefix prefix = require(from);
    if (!open(to)) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "session_id",
          "session_id: the session to make exists (expected: a new name)");
    }
    put(to, prefixes().hold(prefix));
  }

  /// A sequence has ended, or was interrupted: its session, if it still exists, holds what is kept
  /// of its tokens.
  void replied(Sequence sequence) {
    String name = sequence.request().session();
    if (name == null || !has(name)) {
      return;
    }
    int[] ids = new int[sequence.tokens()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = sequence.tokenAt(i);
    }
    put(name, hold(new PrefixKey(TokenIds.of(ids), sequence.request().cacheSalt())));
  }
}
