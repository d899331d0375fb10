package dev.krait.engine;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// The thread that calls [EngineLoop#doWork]: step after step while there is work, parked without a
/// timeout while there is none. Every command wakes it.
public final class EngineThread implements AutoCloseable {
  private final EngineLoop loop;
  private final Consumer<BooleanSupplier> warmUp;
  private final Thread thread;
  private volatile boolean closing;

  private EngineThread(EngineLoop loop, Consumer<BooleanSupplier> warmUp) {
    this.loop = loop;
    this.warmUp = warmUp;
    thread = Thread.ofPlatform().name("krait-engine").daemon().unstarted(this::run);
  }

  /// Starts the thread for a loop that no other thread calls.
  public static EngineThread start(EngineLoop loop) {
    return start(loop, enough -> {});
  }

  /// The same, with work for the time until the first command.
  ///
  /// @param warmUp runs on the thread; is told by its argument when to return
  public static EngineThread start(EngineLoop loop, Consumer<BooleanSupplier> warmUp) {
    EngineThread started = new EngineThread(loop, warmUp);
    loop.handle().wakeWith(() -> LockSupport.unpark(started.thread));
    started.thread.start();
    return started;
  }

  private void run() {
    try {
      warmUp.accept(() -> closing || loop.handle().hasCommands());
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
