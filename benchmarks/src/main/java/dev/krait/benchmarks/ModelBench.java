package dev.krait.benchmarks;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.MachineRates;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.sequence.KvCachePools;
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
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// Times decode and prefill of one model on a backend, without scheduler or network.
final class ModelBench implements AutoCloseable {
  private static final int USUAL_PROMPT = 512;

  /// Steps that sequences take from the context on.
  private static final int DECODED = 256;

  private static final int MAX_TOKENS = 1024;
  private static final int MIN_TOKENS = 64;
  private static final long WARM_UP_NANOS = 2_000_000_000L;
  private static final long ROUND_NANOS = 700_000_000L;
  private static final int ROUNDS = 5;

  private final String name;
  private final ModelRig rig;
  private final LoadedModel model;
  private final ForwardPass pass;
  private final KvCachePools pools;
  private final long matrixElements;
  private final long headElements;
  private final MachineRates rates;
  private final List<Integer> batches;
  private final List<Integer> prompts;
  private final int context;
  private final int decoded;
  private final int maxStepTokens;

  /// What is measured.
  ///
  /// @param batches sequences that decode together
  /// @param context tokens of each of them before the first step
  /// @param prompts lengths of prompts; none takes 512 tokens or as many as the model allows
  record Loads(List<Integer> batches, int context, List<Integer> prompts) {

    /// Refuses what is longer than the model's sequences.
    ///
    /// @throws EngineException as [ModelLoader#open], INVALID_ARGUMENT for a length, or UNSUPPORTED
    ///   when the model's sequences are too short
    Loads requireFit(Path folder) {
      int longest = longest(folder);
      require("context", context, 0, longest - MIN_TOKENS);
      for (int prompt : prompts) {
        require("prompt", prompt, 1, longest);
      }
      return this;
    }

    private static void require(String name, int value, int least, int most) {
      if (value < least || value > most) {
        throw EngineException.invalidArgument(
            name, value, least + " to " + most + ", in sequences of this model");
      }
    }
  }

  ModelBench(String name, Path folder, Backend backend, MachineRates rates, Loads loads) {
    this.name = name;
    this.rates = rates;
    batches = loads.batches();
    context = loads.requireFit(folder).context();
    int longest = longest(folder);
    prompts =
        loads.prompts().isEmpty() ? List.of(Math.min(USUAL_PROMPT, longest)) : loads.prompts();
    decoded = Math.min(DECODED, longest - context);
    int most = Collections.max(batches);
    int longestPrompt = Collections.max(prompts);
    int usual = Backends.usualLimits(backend.name()).maxTokensPerStep();
    maxStepTokens = Math.max(most, Math.min(longestPrompt, usual));
    rig =
        new ModelRig(
            folder,
            Optional.empty(),
            backend,
            StoredType.STORED,
            new ModelRig.Sizes(most, context + decoded, maxStepTokens, 0, 0, 1, longestPrompt));
    pass = rig.target();
    model = pass.model();
    pools = new KvCachePools(rig.layout());
    matrixElements =
        model.weights().blocks().stream()
            .flatMap(block -> block.mixers().stream())
            .flatMap(MixerWeights::matrices)
            .mapToLong(matrix -> (long) matrix.rows() * matrix.columns())
            .sum();
    headElements = (long) model.weights().head().rows() * model.weights().head().columns();
  }

  /// Tokens of the longest sequence that is measured where nobody asks for a length.
  ///
  /// @throws EngineException as [ModelLoader#open], or when the model's sequences are too short
  static int measurableTokens(Path folder) {
    return Math.min(MAX_TOKENS, longest(folder));
  }

  private static int longest(Path folder) {
    try (ModelLoader loader = ModelLoader.open(folder)) {
      int longest = loader.spec().maxTokens();
      if (longest < MIN_TOKENS) {
        throw new EngineException(
            ErrorCode.UNSUPPORTED,
            "%s: sequences of %d tokens (expected: at least %d to be measured)"
                .formatted(folder, longest, MIN_TOKENS));
      }
      return longest;
    }
  }

  /// Decode of some numbers of sequences, then prompts of some lengths.
  List<BenchRow> run() {
    List<BenchRow> rows = new ArrayList<>();
    for (int batch : batches) {
      rows.add(decode(batch));
    }
    for (int tokens : prompts) {
      rows.add(prefill(tokens));
    }
    return rows;
  }

  private BenchRow decode(int batch) {
    secondsPerStep(batch, WARM_UP_NANOS);
    double[] seconds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      seconds[round] = secondsPerStep(batch, ROUND_NANOS);
    }
    long bytes = weightBytes() + batch * cacheBytes(context + decoded / 2);
    return row(
        what("decode", batch, context),
        batch,
        median(seconds),
        bytes,
        batch * (matrixElements + headElements));
  }

  private static String what(String kind, int batch, int tokens) {
    return kind.equals("decode")
        ? "decode, %d sequences, context %d".formatted(batch, tokens)
        : "prompt of %d".formatted(tokens);
  }

  /// Sequences decode from the context on; new ones, once they are long enough, until the time is
  /// up.
  private double secondsPerStep(int batch, long nanos) {
    long taken = 0;
    int steps = 0;
    while (taken < nanos) {
      List<SequenceCache> memories = openAll(batch);
      int[] last = firstTokens(batch);
      long start = System.nanoTime();
      for (int i = 0; i < decoded && System.nanoTime() - start < nanos; i++) {
        step(memories, last);
        steps++;
      }
      taken += System.nanoTime() - start;
      memories.forEach(SequenceCache::close);
    }
    return taken * 1e-9 / steps;
  }

  /// Sequences whose context is what the caches hold: how long a step takes does not depend on it.
  private List<SequenceCache> openAll(int batch) {
    List<SequenceCache> memories = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      SequenceCache memory = pools.open().orElseThrow().memory();
      if (context > 0) {
        reserve(memory, context, 0);
        memory.commit(context);
      }
      memories.add(memory);
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

  private BenchRow prefill(int tokens) {
    double[] seconds = new double[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      try (SequenceCache memory = pools.open().orElseThrow().memory()) {
        reserve(memory, tokens, 0);
        long start = System.nanoTime();
        for (int first = 0; first < tokens; first += maxStepTokens) {
          chunk(memory, first, Math.min(tokens - first, maxStepTokens), tokens);
        }
        pass.chosen(0);
        if (round >= 0) {
          seconds[round] = (System.nanoTime() - start) * 1e-9;
        }
      }
    }
    long bytes = Math.ceilDiv(tokens, maxStepTokens) * weightBytes() + cacheBytes(tokens);
    long multiplyAdds = tokens * matrixElements + headElements;
    return row(what("prompt", 1, tokens), tokens, median(seconds), bytes, multiplyAdds);
  }

  private void chunk(SequenceCache memory, int first, int count, int tokens) {
    pass.begin();
    int row = pass.add(memory, first, count, count, 0, 0);
    for (int j = 0; j < count; j++) {
      pass.setToken(row + j, (7 * (first + j) + 3) % model.spec().vocabSize());
    }
    if (first + count == tokens) {
      pass.choose(row + count - 1, SamplingParams.greedy());
    }
    pass.execute();
    memory.commit(count);
  }

  /// As [SequenceCache#reserve], where caches are as large as the bench needs.
  static void reserve(SequenceCache memory, int directTokens, int windowedTokens) {
    if (!memory.reserve(directTokens, windowedTokens)) {
      throw new IllegalStateException(
          "bench: no room for " + (directTokens + windowedTokens) + " tokens");
    }
  }

  private BenchRow row(String what, int tokens, double seconds, long bytes, long multiplyAdds) {
    return new BenchRow(
        name,
        what,
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
