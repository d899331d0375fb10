package dev.krait.server.testing;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Waits for what another thread does, as long as the test may run.
public final class Waiting {
  private Waiting() {}

  /// Returns once the condition holds; fails when the test's time is over, which interrupts it.
  public static void until(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      if (Thread.currentThread().isInterrupted()) {
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
