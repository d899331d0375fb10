package dev.krait.server.hub;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/// Makes attempts until one works, or several have failed without getting any further.
///
/// @param endpoint the hub, for messages
/// @param notes is told of each attempt that failed
/// @param pause waits between attempts
record Attempts(URI endpoint, Consumer<String> notes, Pause pause) {
  private static final int MOST = 5;

  /// Waits between attempts.
  @FunctionalInterface
  interface Pause {
    void of(Duration time) throws InterruptedException;

    /// The pause of a real clock.
    static Pause real() {
      return time -> {
        var _ = new CountDownLatch(1).await(time.toMillis(), TimeUnit.MILLISECONDS);
      };
    }
  }

  /// Something that may fail and be tried again.
  @FunctionalInterface
  interface Attempt<T> {
    T run() throws IOException;
  }

  /// The hub does not answer, or not well.
  static final class Unreachable extends Exception {
    private static final long serialVersionUID = 1L;

    private Unreachable(String message, IOException cause) {
      super(message, cause);
    }
  }

  /// Tries until it works.
  ///
  /// @param patient whether a hub that cannot be reached is worth another attempt
  /// @param done bytes that have come; more of them begin the count of failures anew
  /// @throws FileSystemException at once, because the next attempt would find the same disk
  /// @throws EngineException for content that is wrong twice
  <T> T make(String what, boolean patient, LongSupplier done, Attempt<T> attempt)
      throws Unreachable, FileSystemException {
    int failures = 0;
    int damaged = 0;
    long before = done.getAsLong();
    while (true) {
      try {
        return attempt.run();
      } catch (FileSystemException e) {
        throw e;
      } catch (IOException e) {
        long now = done.getAsLong();
        failures = now > before ? 1 : failures + 1;
        before = now;
        damaged += e instanceof Download.Damaged ? 1 : 0;
        if (damaged == 2) {
          throw new EngineException(ErrorCode.NOT_FOUND, "model", what + ": " + reason(e), e);
        }
        if (failures == MOST || !(patient || e instanceof HubClient.Busy)) {
          throw new Unreachable(what + ": " + endpoint + ": " + reason(e), e);
        }
        rest(what, e, failures);
      }
    }
  }

  private void rest(String what, IOException failure, int failures) {
    Duration time = Duration.ofSeconds(1L << (failures - 1));
    if (failure instanceof HubClient.Busy busy && busy.pause().compareTo(time) > 0) {
      time = busy.pause();
    }
    notes.accept(
        "krait: " + what + ": " + reason(failure) + "; again in " + time.toSeconds() + " s");
    try {
      pause.of(time);
    } catch (InterruptedException e) {
      throw interrupted();
    }
    if (Thread.currentThread().isInterrupted()) {
      throw interrupted();
    }
  }

  private static String reason(IOException failure) {
    String message = String.valueOf(failure.getMessage());
    return switch (failure) {
      case UnknownHostException _ -> "no such host";
      case ConnectException _ -> "cannot be reached: " + message;
      case SocketTimeoutException _ -> "does not answer: " + message;
      default -> message;
    };
  }

  static EngineException interrupted() {
    Thread.currentThread().interrupt();
    return new EngineException(ErrorCode.CANCELLED, "download: interrupted");
  }
}
