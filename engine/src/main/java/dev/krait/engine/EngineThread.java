package dev.krait.engine;

import java.util.concurrent.locks.LockSupport;

/// The thread that calls [EngineLoop#doWork]: step after step while there is work, parked without a
/// timeout while there is none. Every command wakes it.
public final class EngineThread implements AutoCloseable {
  private final EngineLoop loop;
  private final Thread thread;
  private volatile boolean closing;

  private EngineThread(EngineLoop loop) {
    this.loop = loop;
    thread = Thread.ofPlatform().name("krait-engine").daemon().unstarted(this::run);
  }

  /// Starts the thread for a loop that no other thread calls.
  public static EngineThread start(EngineLoop loop) {
    EngineThread started = new EngineThread(loop);
    loop.handle().wakeWith(() -> LockSupport.unpark(started.thread));
    started.thread.start();
    return started;
  }

  private void run() {
    try {
      while (!closing) {
        if (loop.doWork() == 0 && loop.isIdle() && !closing) {
          LockSupport.park(this);
        }
      }
    } catch (Throwable failure) {
      // Not to continue: without this, readers would wait for ever for a thread that is gone.
      loop.fail(failure);
      throw failure;
    } finally {
      loop.close();
    }
  }

  Thread thread() {
    return thread;
  }

  /// Ends what still runs as unavailable, after the step in flight, and waits for the thread.
  @Override
  public void close() {
    closing = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
