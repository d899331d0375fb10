package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The door of both protocols: counts the requests that are being answered, refuses when too many
/// sequences are here or too many of one client, and closes for good when the server drains. Any
/// thread.
public final class Admission {
  private final int maxSequences;
  private final boolean priorities;
  private final int maxOfClient;
  private final Map<String, Integer> clients = new HashMap<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition allAnswered = lock.newCondition();
  private final BodyMemory bodies;
  private final KeyLimits keys;
  private int unanswered;
  private int generations;
  private int sequences;
  private boolean draining;

  /// Creates an open door with places for any client and memory for any body.
  ///
  /// @param maxSequences most sequences that may run or wait at once
  public Admission(int maxSequences) {
    this(
        maxSequences,
        maxSequences,
        false,
        new BodyMemory(Long.MAX_VALUE),
        new KeyLimits(KeyLimits.Most.none()));
  }

  /// Creates an open door that keeps places for others when one client asks for all.
  ///
  /// @param maxOfClient most of them that one client may have
  /// @param priorities whether a request may name a priority of its own
  /// @param bodies memory for the bodies of all requests
  /// @param keys what one key may ask for
  public Admission(
      int maxSequences, int maxOfClient, boolean priorities, BodyMemory bodies, KeyLimits keys) {
    this.maxSequences = maxSequences;
    this.maxOfClient = maxOfClient;
    this.priorities = priorities;
    this.bodies = bodies;
    this.keys = keys;
  }

  /// Who asks.
  ///
  /// @param address by which places are shared out; nobody in particular when empty
  /// @param key name of the key that the request brings
  public record Client(String address, Optional<String> key) {
    /// Nobody in particular.
    public static Client nobody() {
      return new Client("", Optional.empty());
    }
  }

  /// The name by which a client is counted: its address without the port; empty when it has none.
  public static String client(@Nullable SocketAddress address) {
    return address instanceof InetSocketAddress internet && internet.getAddress() != null
        ? internet.getAddress().getHostAddress()
        : "";
  }

  /// Memory of the bodies of requests.
  public BodyMemory bodies() {
    return bodies;
  }

  /// A request has arrived, whatever it asks for. Exactly one [#end] follows.
  public void begin() {
    lock.lock();
    try {
      unanswered++;
    } finally {
      lock.unlock();
    }
  }

  /// Nobody works on the request any more, and its answer is written or its client gone.
  public void end() {
    lock.lock();
    try {
      unanswered--;
      if (unanswered == 0) {
        allAnswered.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /// Requests that have begun and not ended, whatever they ask for.
  public int unanswered() {
    lock.lock();
    try {
      return unanswered;
    } finally {
      lock.unlock();
    }
  }

  /// Refuses a priority unless the operator allows it: one client could keep all others waiting.
  ///
  /// @throws EngineException INVALID_ARGUMENT for any but 0
  public void checkPriority(int priority) {
    if (priority != 0 && !priorities) {
      throw EngineException.invalidArgument(
          "priority", priority, "0, unless the server runs with --scheduling-policy priority");
    }
  }

  /// A request that was let in. Its sequences have places until the engine ends them or it is
  /// closed; closing it twice is closing it once.
  public final class Ticket implements AutoCloseable {
    private final String client;
    private final Optional<KeyLimits.Lease> lease;
    private final AtomicInteger places;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private Ticket(String client, Optional<KeyLimits.Lease> lease, int admitted) {
      this.client = client;
      this.lease = lease;
      this.places = new AtomicInteger(admitted);
    }

    /// The engine has ended a sequence: its place is free, whether or not its text has been read.
    public void sequenceEnded() {
      if (places.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        leave(client, 0, 1);
      }
    }

    /// Tokens of prompts and answers that count for the key.
    void charge(long tokens) {
      lease.ifPresent(own -> own.charge(tokens));
    }

    /// The request is over.
    @Override
    public void close() {
      if (open.compareAndSet(true, false)) {
        lease.ifPresent(KeyLimits.Lease::close);
        leave(client, 1, places.getAndSet(0));
      }
    }
  }

  /// Lets a request in, before any work is done for it.
  ///
  /// @param asked sequences it will run
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room now or the key has used its
  ///   share, INVALID_ARGUMENT when there never can be room, UNAVAILABLE when draining
  public Ticket admit(Client who, int asked) {
    String client = who.address();
    lock.lock();
    try {
      if (draining) {
        throw new EngineException(
            ErrorCode.UNAVAILABLE, "server: draining (expected: a server that stays)");
      }
      int most = client.isEmpty() ? maxSequences : maxOfClient;
      if (asked > most) {
        throw EngineException.invalidArgument(
            "n",
            asked + " sequences for all prompts",
            "at most " + most + ", more can never run and wait at once");
      }
      int held = clients.getOrDefault(client, 0);
      if (!client.isEmpty() && held + asked > maxOfClient) {
        throw full(held + " of this client", asked, maxOfClient);
      }
      if (sequences + asked > maxSequences) {
        throw full(String.valueOf(sequences), asked, maxSequences);
      }
      Ticket ticket = new Ticket(client, who.key().map(keys::enter), asked);
      clients.put(client, held + asked);
      generations++;
      sequences += asked;
      return ticket;
    } finally {
      lock.unlock();
    }
  }

  private static EngineException full(String here, int asked, int most) {
    return new EngineException(
        ErrorCode.RESOURCE_EXHAUSTED,
        "sequences: "
            + here
            + " are here, "
            + asked
            + " more asked for (expected: at most "
            + most
            + " at once; try later)");
  }

  /// Requests whose generations are in.
  public int requests() {
    lock.lock();
    try {
      return generations;
    } finally {
      lock.unlock();
    }
  }

  /// True once it lets nobody in.
  public boolean isDraining() {
    lock.lock();
    try {
      return draining;
    } finally {
      lock.unlock();
    }
  }

  /// Lets nobody in from now on.
  public void drain() {
    lock.lock();
    try {
      draining = true;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until every request has ended.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first, or the thread was interrupted
  public boolean awaitAnswered(long nanos) {
    lock.lock();
    try {
      long left = nanos;
      while (unanswered > 0) {
        if (left <= 0) {
          return false;
        }
        left = allAnswered.awaitNanos(left);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  private void leave(String client, int generationsLeft, int placesLeft) {
    lock.lock();
    try {
      generations -= generationsLeft;
      sequences -= placesLeft;
      clients.computeIfPresent(client, (_, held) -> held == placesLeft ? null : held - placesLeft);
    } finally {
      lock.unlock();
    }
  }
}
