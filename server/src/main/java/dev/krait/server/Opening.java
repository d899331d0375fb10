package dev.krait.server;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A resource that opens beside others. Its failure is thrown by whoever joins it.
final class Opening<T> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Opening.class);

  private final Consumer<T> closer;
  private volatile CompletableFuture<Optional<T>> opening =
      CompletableFuture.completedFuture(Optional.empty());

  Opening(Consumer<T> closer) {
    this.closer = closer;
  }

  void opens(CompletableFuture<Optional<T>> future) {
    opening = future;
  }

  @Override
  public void close() {
    Optional<T> opened = Optional.empty();
    try {
      opened = opening.join();
    } catch (CompletionException e) {
      LOG.debug("opening failed", e);
    }
    opened.ifPresent(closer);
  }

  /// Runs what opens beside others.
  static void background(Runnable task) {
    Thread.ofPlatform().daemon().name("krait-start").start(task);
  }
}
