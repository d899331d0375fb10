package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.service.Generation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/// Reads the sequences of a generation at the same time, each on a virtual thread of its own.
final class PartThreads {
  private PartThreads() {}

  /// Results in the order of the parts. When one fails all are cancelled, and the first failure in
  /// that order is thrown after every thread has ended.
  static <T> List<T> collect(Generation generation, Function<Generation.Part, T> read) {
    List<Generation.Part> parts = generation.parts();
    if (parts.size() == 1) {
      return List.of(read.apply(parts.getFirst()));
    }
    List<Future<T>> futures = new ArrayList<>(parts.size());
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      boolean all = false;
      try {
        for (Generation.Part part : parts) {
          futures.add(threads.submit(() -> readOrCancel(generation, part, read)));
        }
        all = true;
      } finally {
        if (!all) {
          generation.cancel();
        }
      }
    }
    List<T> results = new ArrayList<>(parts.size());
    List<Throwable> failures = new ArrayList<>();
    for (Future<T> future : futures) {
      try {
        results.add(future.get());
      } catch (ExecutionException e) {
        failures.add(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new EngineException(ErrorCode.CANCELLED, "request: interrupted", e);
      }
    }
    if (!failures.isEmpty()) {
      throw first(failures);
    }
    return results;
  }

  private static <T> T readOrCancel(
      Generation generation, Generation.Part part, Function<Generation.Part, T> read) {
    boolean whole = false;
    try {
      T result = read.apply(part);
      whole = true;
      return result;
    } finally {
      if (!whole) {
        generation.cancel();
      }
    }
  }

  /// The failure that caused the others: one that is no cancellation, if there is one.
  private static RuntimeException first(List<Throwable> failures) {
    Throwable cause = failures.getFirst();
    for (Throwable failure : failures) {
      if (!(failure instanceof EngineException e && e.code() == ErrorCode.CANCELLED)) {
        cause = failure;
        break;
      }
    }
    return cause instanceof RuntimeException known
        ? known
        : new EngineException(ErrorCode.INTERNAL, "a sequence failed", cause);
  }
}
