package dev.krait.server.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/// The threads on which bodies are parsed and text is encoded, and the queue before them.
///
/// Such work takes seconds for a large body and cannot be interrupted. Threads of their own leave
/// the carriers of virtual threads to health checks and to the writers of running streams; half of
/// the processors leaves the others to the engine. Any thread may call.
public final class TextPool implements AutoCloseable {
  private final ExecutorService threads;
  private final int maxWaiting;

  /// Starts the threads.
  ///
  /// @param threadCount how many
  /// @param maxWaiting most calls that wait for a thread
  public TextPool(int threadCount, int maxWaiting) {
    this.maxWaiting = maxWaiting;
    this.threads =
        new ThreadPoolExecutor(
            threadCount,
            threadCount,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(maxWaiting),
            Thread.ofPlatform().daemon().name("krait-text-", 0).factory());
  }

  /// A pool of half of the processors.
  public static TextPool ofHalfTheProcessors(int maxWaiting) {
    return new TextPool(Math.max(1, Runtime.getRuntime().availableProcessors() / 2), maxWaiting);
  }

  /// Runs work on one of the threads, waits for it and returns its result or throws what it throws.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when too many calls wait, UNAVAILABLE when closed
  public <T> T call(Supplier<T> work) {
    try {
      return CompletableFuture.supplyAsync(work, threads).join();
    } catch (RejectedExecutionException e) {
      if (threads.isShutdown()) {
        throw new EngineException(
            ErrorCode.UNAVAILABLE, "server: closed (expected: a server that stays)", e);
      }
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "requests: "
              + maxWaiting
              + " wait to be read (expected: at most so many at once; try later)",
          e);
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        case null, default -> throw e;
      }
    }
  }

  /// Takes no more calls; those that wait still run.
  @Override
  public void close() {
    threads.shutdown();
  }
}
