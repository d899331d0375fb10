package dev.krait.service;

import dev.krait.error.EngineException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/// How much each key may ask for: requests at once, requests a minute, tokens a minute. Any thread.
///
/// A minute's share can be used at once and comes back evenly. Tokens of prompt and answer are
/// counted when a request ends, so that the one that uses up the share is answered whole and the
/// next ones wait for what it took too much.
public final class KeyLimits {
  private static final double MINUTE_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final Most most;
  private final LongSupplier nanoClock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<String, Use> uses = new HashMap<>();

  /// The limits of every key; 0 is none.
  ///
  /// @param concurrent requests at once
  /// @param requests requests a minute
  /// @param tokens tokens of prompts and answers a minute
  public record Most(int concurrent, int requests, int tokens) {
    /// No limits.
    public static Most none() {
      return new Most(0, 0, 0);
    }

    /// Whether there is no limit.
    public boolean isNone() {
      return concurrent == 0 && requests == 0 && tokens == 0;
    }

    /// Checks the ranges.
    public Most {
      require("key-concurrency", concurrent);
      require("key-requests-per-minute", requests);
      require("key-tokens-per-minute", tokens);
    }

    private static void require(String name, int value) {
      if (value < 0) {
        throw EngineException.invalidArgument(name, value, "0 for no limit, or more");
      }
    }
  }

  /// Creates the limits of a server.
  public KeyLimits(Most most) {
    this(most, System::nanoTime);
  }

  KeyLimits(Most most, LongSupplier nanoClock) {
    this.most = most;
    this.nanoClock = nanoClock;
  }

  /// What a key has used.
  private static final class Use {
    private int running;
    private double requests;
    private double tokens;
    private long since;

    Use(Most most, long now) {
      requests = most.requests();
      tokens = most.tokens();
      since = now;
    }

    /// What has come back since the last time.
    void refill(Most most, long now) {
      double minutes = (now - since) / MINUTE_NANOS;
      requests = Math.min(most.requests(), requests + minutes * most.requests());
      tokens = Math.min(most.tokens(), tokens + minutes * most.tokens());
      since = now;
    }
  }

  /// A request that was let in.
  public final class Lease implements AutoCloseable {
    private final Use use;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private Lease(Use use) {
      this.use = use;
    }

    /// Tokens that the request took.
    public void charge(long tokens) {
      lock.lock();
      try {
        use.tokens -= tokens;
      } finally {
        lock.unlock();
      }
    }

    /// The request is over.
    @Override
    public void close() {
      if (open.compareAndSet(true, false)) {
        lock.lock();
        try {
          use.running--;
        } finally {
          lock.unlock();
        }
      }
    }
  }

  /// Lets a request in.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED that says when to try again
  Lease enter(String key) {
    lock.lock();
    try {
      long now = nanoClock.getAsLong();
      Use use = uses.computeIfAbsent(key, _ -> new Use(most, now));
      use.refill(most, now);
      if (most.concurrent() > 0 && use.running >= most.concurrent()) {
        throw refused(key, use.running + " requests at once", most.concurrent() + " at once", 1);
      }
      requireShare(key, "requests", use.requests, 1, most.requests());
      requireShare(key, "tokens", use.tokens, 0, most.tokens());
      use.requests -= 1;
      use.running++;
      return new Lease(use);
    } finally {
      lock.unlock();
    }
  }

  private static void requireShare(String key, String what, double left, double least, int most) {
    if (most == 0 || (left >= least && left > 0)) {
      return;
    }
    double missing = Math.max(least, 1) - left;
    long seconds = Math.max(1, (long) Math.ceil(missing * 60 / most));
    throw refused(key, "the " + what + " of this minute", most + " " + what + " a minute", seconds);
  }

  private static EngineException refused(String key, String used, String most, long seconds) {
    return EngineException.tryLater(
        "key "
            + key
            + ": has used "
            + used
            + " (expected: at most "
            + most
            + "; try again in "
            + seconds
            + " s)",
        seconds);
  }
}
