package dev.krait.service;

import java.util.concurrent.atomic.AtomicLong;

/// Memory that the bodies of all requests in progress share. Any thread.
///
/// A body may grow while what it holds is no more than what is left for others afterwards. So large
/// bodies are refused first, and small ones still find room when many large ones are here.
public final class BodyMemory {
  private final long limit;
  private final AtomicLong used = new AtomicLong();

  /// Memory of so many bytes.
  public BodyMemory(long limit) {
    this.limit = limit;
  }

  /// Takes memory for a body.
  ///
  /// @param held what the body has taken before
  /// @return false when there is too little left; nothing is taken then
  public boolean take(long held, int more) {
    while (true) {
      long now = used.get();
      if (held + more > limit - now - more) {
        return false;
      }
      if (used.compareAndSet(now, now + more)) {
        return true;
      }
    }
  }

  /// Gives back what was taken.
  public void giveBack(long bytes) {
    used.addAndGet(-bytes);
  }

  /// Bytes that are taken.
  public long used() {
    return used.get();
  }
}
