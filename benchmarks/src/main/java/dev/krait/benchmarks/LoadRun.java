package dev.krait.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/// A closed loop: every stream is a thread that takes the next request when its last one has ended.
final class LoadRun {
  /// Ids of prompts: in every vocabulary in use, and behind the special tokens of most.
  private static final int FIRST_ID = 300;

  private static final int IDS = 3000;

  private final LoadClient client;
  private final int promptTokens;
  private final int outputTokens;
  private final List<LoadTimes> answered = new ArrayList<>();
  private final Map<String, Integer> failures = new TreeMap<>();
  private long tokens;

  LoadRun(LoadClient client, int promptTokens, int outputTokens) {
    this.client = client;
    this.promptTokens = promptTokens;
    this.outputTokens = outputTokens;
  }

  /// Sends `requests` requests over `streams` streams.
  LoadRow run(int streams, int requests, int seconds) throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    long start = System.nanoTime();
    long deadline = start + seconds * 1_000_000_000L;
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                for (int r = next.getAndIncrement();
                    r < requests && System.nanoTime() < deadline && !isInterrupted();
                    r = next.getAndIncrement()) {
                  complete(r + 1_000_003L * start);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    double took = (System.nanoTime() - start) / 1e9;
    return row(streams, took);
  }

  private static boolean isInterrupted() {
    return Thread.currentThread().isInterrupted();
  }

  private void complete(long seed) {
    int[] prompt = new Random(seed).ints(promptTokens, FIRST_ID, FIRST_ID + IDS).toArray();
    LoadTimes times = new LoadTimes();
    try {
      int got = client.complete(prompt, outputTokens, times);
      if (got != outputTokens || times.isEmpty()) {
        throw new LoadFailure(got + " tokens (expected: " + outputTokens + ")");
      }
      add(got, times);
    } catch (LoadFailure failure) {
      fail(String.valueOf(failure.getMessage()));
    } catch (InterruptedException interrupted) {
      fail("interrupted");
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void add(int got, LoadTimes times) {
    tokens += got;
    answered.add(times);
  }

  private synchronized void fail(String reason) {
    failures.merge(reason, 1, Integer::sum);
  }

  private synchronized LoadRow row(int streams, double seconds) {
    List<double[]> first =
        answered.stream().map(times -> new double[] {times.firstMillis()}).toList();
    List<double[]> gaps = answered.stream().map(LoadTimes::gapMillis).toList();
    return new LoadRow(
        streams,
        answered.size(),
        seconds,
        tokens / seconds,
        (double) promptTokens * answered.size() / seconds,
        LoadTimes.quantile(first.stream(), 0.5),
        LoadTimes.quantile(first.stream(), 0.99),
        LoadTimes.quantile(gaps.stream(), 0.5),
        LoadTimes.quantile(gaps.stream(), 0.99),
        Map.copyOf(failures));
  }
}
