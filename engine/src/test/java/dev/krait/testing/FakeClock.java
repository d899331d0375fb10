package dev.krait.testing;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/// A clock that moves only when told to; readable from any thread.
public final class FakeClock implements LongSupplier {
  private final AtomicLong nanos = new AtomicLong();

  @Override
  public long getAsLong() {
    return nanos.get();
  }

  /// Moves the clock forward.
  public void advance(long byNanos) {
    nanos.addAndGet(byNanos);
  }
}
