package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.backend.MachineRates;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.sequence.CachePools;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.SamplingParams;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import dev.krait.model.MixerWeights;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.ModelRig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Times decode and prefill of one model on a backend, without scheduler or network.
final class ModelBench implements AutoCloseable {
  private static final int PREFILL_TOKENS = 512;
  private static final int MAX_TOKENS = 1024;
  private static final int LEAST_TOKENS = 64;
  private static final int WARM_UP_STEPS = 12;
  private static final long WARM_UP_NANOS = 2_000_000_000L;
  private static final long ROUND_NANOS = 700_000_000L;
  private static final int ROUNDS = 5;

  private final String name;
  private final ModelRig rig;
  private final LoadedModel model;
  private final ForwardPass pass;
  private final CachePools pools;
  private final long matrixElements;
  private final long headElements;
  private final MachineRates rates;
  private final int maxTokens;
  private final int[] batches;

  ModelBench(String name, Path folder, Backend backend, MachineRates rates, int[] batches) {
    this.name = name;
    this.rates = rates;
    this.batches = batches;
    maxTokens = measurableTokens(folder);
    int most = Arrays.stream(batches).max().orElse(1);
    rig =
        new ModelRig(
            folder,
            Optional.empty(),
            backend,
            StoredType.STORED,
            new ModelRig.Sizes(most, maxTokens, maxTokens, 0));
    pass = rig.target();
    model = pass.model();
    pools = new CachePools(rig.layout());
    matrixElements =
        model.weights().blocks().stream()
            .flatMap(block -> block.mixers().stream())
            .flatMap(MixerWeights::matrices)
            .mapToLong(matrix -> (long) matrix.rows() * matrix.columns())
            .sum();
    headElements = (long) model.weights().head().rows() * model.weights().head().columns();
  }

  /// Tokens of the longest sequence that is measured.
  ///
  /// @throws EngineException as [ModelLoader#open], or when the model's sequences are too short
  static int measurableTokens(Path folder) {
    try (ModelLoader loader = ModelLoader.open(folder)) {
      int longest = loader.spec().maxTokens();
      if (longest < LEAST_TOKENS) {
        throw new EngineException(
            ErrorCode.UNSUPPORTED,
            "%s: sequences of %d tokens (expected: at least %d to be measured)"
                .formatted(folder, longest, LEAST_TOKENS));
      }
      return Math.min(MAX_TOKENS, longest);
    }
  }

  /// Decode of some numbers of sequences, and prefill of 512 tokens or as many as the model allows.
  List<BenchRow> run() {
    List<BenchRow> rows = new ArrayList<>();
    for (int batch : batches) {
      rows.add(decode(batch));
    }
    rows.add(prefill());
    return rows;
  }

  private BenchRow decode(int batch) {
    warmUp(batch);
    List<SequenceCache> memories = openAll(batch);
    int[] last = firstTokens(batch);
    double[] seconds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      seconds[round] = secondsPerStep(memories, last);
    }
    int position = memories.getFirst().committedTokens();
    memories.forEach(SequenceCache::close);
    long bytes = weightBytes() + batch * cacheBytes(position);
    return row(
        "decode", batch, batch, median(seconds), bytes, batch * (matrixElements + headElements));
  }

  /// Until the code is compiled: of a small model that takes more steps than a sequence has tokens.
  private void warmUp(int batch) {
    long start = System.nanoTime();
    do {
      List<SequenceCache> memories = openAll(batch);
      int[] last = firstTokens(batch);
      for (int i = 0; i < WARM_UP_STEPS; i++) {
        step(memories, last);
      }
      memories.forEach(SequenceCache::close);
    } while (System.nanoTime() - start < WARM_UP_NANOS);
  }

  private List<SequenceCache> openAll(int batch) {
    List<SequenceCache> memories = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      memories.add(pools.open().orElseThrow().memory());
    }
    return memories;
  }

  private static int[] firstTokens(int batch) {
    int[] tokens = new int[batch];
    for (int i = 0; i < batch; i++) {
      tokens[i] = 1 + i;
    }
    return tokens;
  }

  private double secondsPerStep(List<SequenceCache> memories, int[] last) {
    long start = System.nanoTime();
    int steps = 0;
    while (System.nanoTime() - start < ROUND_NANOS
        && memories.getFirst().committedTokens() < maxTokens - 1) {
      step(memories, last);
      steps++;
    }
    return steps == 0 ? Double.NaN : (System.nanoTime() - start) * 1e-9 / steps;
  }

  private void step(List<SequenceCache> memories, int[] last) {
    pass.begin();
    for (int i = 0; i < memories.size(); i++) {
      SequenceCache memory = memories.get(i);
      reserve(memory, 1, 0);
      int row = pass.add(memory, memory.committedTokens(), 1, 1, 0, 0);
      pass.setToken(row, last[i]);
      pass.choose(row, SamplingParams.greedy());
    }
    pass.execute();
    for (int i = 0; i < memories.size(); i++) {
      memories.get(i).commit(1);
      last[i] = pass.chosen(i);
    }
  }

  private BenchRow prefill() {
    int tokens = Math.min(PREFILL_TOKENS, maxTokens);
    double[] seconds = new double[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      try (SequenceCache memory = pools.open().orElseThrow().memory()) {
        reserve(memory, tokens, 0);
        long start = System.nanoTime();
        pass.begin();
        int row = pass.add(memory, 0, tokens, tokens, 0, 0);
        for (int j = 0; j < tokens; j++) {
          pass.setToken(row + j, (7 * j + 3) % model.spec().vocabSize());
        }
        pass.choose(row + tokens - 1, SamplingParams.greedy());
        pass.execute();
        pass.chosen(0);
        if (round >= 0) {
          seconds[round] = (System.nanoTime() - start) * 1e-9;
        }
      }
    }
    long bytes = weightBytes() + cacheBytes(tokens);
    long multiplyAdds = tokens * matrixElements + headElements;
    return row("prefill", 1, tokens, median(seconds), bytes, multiplyAdds);
  }

  /// As [SequenceCache#reserve], where caches are as large as the bench needs.
  static void reserve(SequenceCache memory, int directTokens, int windowedTokens) {
    if (!memory.reserve(directTokens, windowedTokens)) {
      throw new IllegalStateException(
          "bench: no room for " + (directTokens + windowedTokens) + " tokens");
    }
  }

  private BenchRow row(
      String what, int batch, int tokens, double seconds, long bytes, long multiplyAdds) {
    return new BenchRow(
        name,
        what,
        batch,
        tokens / seconds,
        bytes / 1e6,
        bytes / seconds / rates.readBytesPerSecond(),
        2.0 * multiplyAdds / seconds / rates.flopsPerSecond());
  }

  /// Bytes of all weights that a step reads: everything but an embedding that is not also the head.
  @SuppressWarnings("ReferenceEquality") // tied means one matrix, not two equal ones
  private long weightBytes() {
    long embedding = model.weights().embedding().bytes();
    boolean tied = model.weights().embedding() == model.weights().head();
    return model.weightBytes() - (tied ? 0 : embedding);
  }

  /// Bytes that one sequence's states and keys and values add to a step at a position.
  private long cacheBytes(int position) {
    long bytes = 0;
    for (CacheSpec spec : model.spec().cacheSpecs(model.backend().keyValueType())) {
      bytes +=
          switch (spec) {
            case CacheSpec.KvCacheSpec kv -> kv.bytesPerToken() * position;
            case CacheSpec.StateSpec state -> 2 * 4 * state.stateElements();
          };
    }
    return bytes;
  }

  static double median(double[] values) {
    double[] sorted = Arrays.stream(values).filter(v -> !Double.isNaN(v)).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  @Override
  public void close() {
    rig.close();
  }
}
