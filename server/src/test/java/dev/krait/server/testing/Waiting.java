package dev.krait.server.testing;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Waits for what another thread does, for a bounded time.
public final class Waiting {
  private static final long LIMIT_NANOS = 10_000_000_000L;

  private Waiting() {}

  /// Returns once the condition holds; fails after ten seconds.
  public static void until(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > LIMIT_NANOS) {
        throw new AssertionError("the condition did not come true");
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  /// True when the condition holds during a time.
  public static boolean staysTrue(BooleanSupplier condition, int millis) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < millis * 1_000_000L) {
      if (!condition.getAsBoolean()) {
        return false;
      }
      LockSupport.parkNanos(1_000_000);
    }
    return true;
  }
}
