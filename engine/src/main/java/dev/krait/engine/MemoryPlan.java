package dev.krait.engine;

import dev.krait.backend.Backend;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CachePlanner;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.loading.ModelLoader;
import dev.krait.model.Mixer;
import dev.krait.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.IntFunction;
import java.util.function.IntToLongFunction;
import java.util.stream.Stream;

/// How many bytes caches may take, and how long a sequence may then be.
///
/// @param layout the caches
/// @param distributionBytes what the distributions of drafts take of the Java heap at worst, when
///   every token of the vocabulary is possible at every draft
record MemoryPlan(CacheLayout layout, long distributionBytes) {
  /// Share of the heap that caches and distributions may take unless a size was asked for; the rest
  /// is for scratch memory and requests.
  private static final double USUAL_SHARE = 0.6;

  /// The same when a size was asked for.
  private static final double MAX_SHARE = 0.8;

  /// Bytes of an id and its probability.
  private static final long DISTRIBUTION_ENTRY_BYTES = 12;

  /// Share of a device's free memory that weights, caches and the scratch memory that grows with
  /// the context may take; the rest is for the scratch memory of a step, which does not.
  private static final double DEVICE_SHARE = 0.9;

  /// Snapshots of states that are kept if there is room; with more sequences one for each.
  private static final int MIN_SNAPSHOTS = 16;

  /// Most of them; a state is rarely smaller than a mebibyte.
  private static final int MAX_SNAPSHOTS = 1 << 16;

  /// What there is to plan with.
  ///
  /// @param heapBytes most that the Java heap can grow to
  /// @param deviceBytes what is free on a device with memory of its own, before any weight is
  ///   loaded; empty when caches are taken from the heap and weights from the host's memory
  /// @param scratchBytes what operations take of the device for sequences of so many tokens
  /// @param host memory that the heap is part of
  /// @param keyValueType type of keys and values
  record Memory(
      long heapBytes,
      OptionalLong deviceBytes,
      IntToLongFunction scratchBytes,
      HostMemory host,
      DType keyValueType) {

    /// What a backend has and takes for the given models.
    static Memory of(Backend backend, ModelLoader target, Optional<ModelLoader> draft) {
      List<Mixer> mixers =
          Stream.concat(Stream.of(target), draft.stream())
              .flatMap(loader -> loader.spec().mixers())
              .distinct()
              .toList();
      return new Memory(
          Runtime.getRuntime().maxMemory(),
          backend.freeBytes(),
          tokens -> backend.scratchBytes(mixers, tokens),
          HostMemory.read(),
          backend.keyValueType());
    }
  }

  /// Plans the caches of a model and its draft model.
  ///
  /// @throws EngineException INVALID_ARGUMENT when a sequence is to be longer than the model
  ///   allows, or when the heap or the size asked for is too small; RESOURCE_EXHAUSTED when the
  ///   weights leave no room on the device, or on the host
  static MemoryPlan of(
      EngineConfig config, ModelLoader target, Optional<ModelLoader> draft, Memory memory) {
    long distributions = distributionBytes(config, target);
    long usual = (long) (memory.heapBytes() * USUAL_SHARE) - distributions;
    if (usual <= 0) {
      throw EngineException.invalidArgument(
          "max-sequences",
          config.maxSequences() + " with drafts that take up to " + CacheLayout.size(distributions),
          "less than "
              + share(USUAL_SHARE, memory)
              + ": fewer --max-sequences or --max-draft-tokens, or "
              + largerHeap(distributions, USUAL_SHARE));
    }
    long weights = weightBytes(config, target, draft);
    if (memory.deviceBytes().isPresent()) {
      usual = besideWeights(memory.deviceBytes().getAsLong(), weights);
    }
    long most = usual;
    IntToLongFunction budget =
        tokens -> config.cacheBytes().orElse(most - memory.scratchBytes().applyAsLong(tokens));
    IntFunction<CacheDemand> demands =
        tokens -> demand(config, target, draft, memory.keyValueType(), tokens);
    CacheDemand demand = demands.apply(longest(config, target));
    if (config.maxModelTokens().isEmpty()) {
      demand = shortened(demand, demands, budget);
    }
    long bytes = budget.applyAsLong(wholeBlocks(demand, demand.maxModelTokens()));
    MemoryPlan plan = new MemoryPlan(CachePlanner.plan(demand, Math.max(0, bytes)), distributions);
    plan.requireRoom(memory);
    if (memory.deviceBytes().isEmpty()) {
      plan.requireRoomBesideHeap(weights, memory);
    }
    return plan;
  }

  private static int wholeBlocks(CacheDemand demand, int tokens) {
    return Math.ceilDiv(tokens, demand.blockTokens()) * demand.blockTokens();
  }

  private static long weightBytes(
      EngineConfig config, ModelLoader target, Optional<ModelLoader> draft) {
    return target.weightBytes(config.weights())
        + draft.map(loader -> loader.weightBytes(config.weights())).orElse(0L);
  }

  /// Refuses what the kernel would end the process for, minutes later and without a word.
  private void requireRoomBesideHeap(long weights, Memory memory) {
    long total = memory.host().totalBytes();
    if (weights + memory.heapBytes() > total) {
      long heap = (total - weights) >> 20;
      throw exhausted(
          "weights of %s and a Java heap of up to %s"
              .formatted(CacheLayout.size(weights), CacheLayout.size(memory.heapBytes())),
          CacheLayout.size(total) + " together, the memory of this machine or container",
          heap > 0
              ? "a smaller heap with KRAIT_JAVA_OPTIONS=-Xmx%dm (in a container JDK_JAVA_OPTIONS), which holds the caches"
                  .formatted(heap)
              : "a smaller model");
    }
    long caches = layout.bytes() + distributionBytes;
    if (weights + caches > memory.host().availableBytes()) {
      throw exhausted(
          "weights of %s and caches of %s"
              .formatted(CacheLayout.size(weights), CacheLayout.size(caches)),
          CacheLayout.size(memory.host().availableBytes())
              + " together, which other processes leave of the memory",
          "a smaller --cache-memory");
    }
  }

  private static EngineException exhausted(String needed, String available, String advice) {
    return new EngineException(
        ErrorCode.RESOURCE_EXHAUSTED,
        "memory: " + needed + " (expected: at most " + available + ": " + advice + ")");
  }

  /// Lines for people.
  List<String> describe() {
    List<String> lines = new ArrayList<>(layout.describe());
    if (distributionBytes > 0) {
      lines.add("  distributions of drafts: up to " + CacheLayout.size(distributionBytes));
    }
    return lines;
  }

  /// What weights leave of a device.
  private static long besideWeights(long free, long weights) {
    long left = (long) (free * DEVICE_SHARE) - weights;
    if (left <= 0) {
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "weights: %s (expected: less than %s, %.0f %% of what is free on the device)"
              .formatted(
                  CacheLayout.size(weights),
                  CacheLayout.size((long) (free * DEVICE_SHARE)),
                  DEVICE_SHARE * 100));
    }
    return left;
  }

  private void requireRoom(Memory memory) {
    long needed = layout.bytes() + distributionBytes;
    if (memory.deviceBytes().isEmpty() && needed > memory.heapBytes() * MAX_SHARE) {
      throw EngineException.invalidArgument(
          "cache-memory",
          CacheLayout.size(layout.bytes())
              + (distributionBytes == 0
                  ? ""
                  : " and drafts that take up to " + CacheLayout.size(distributionBytes)),
          "at most "
              + share(MAX_SHARE, memory)
              + ": a smaller --cache-memory, or "
              + largerHeap(needed, MAX_SHARE));
    }
  }

  private static String share(double share, Memory memory) {
    return "%s, %.0f %% of the Java heap of %s"
        .formatted(
            CacheLayout.size((long) (memory.heapBytes() * share)),
            share * 100,
            CacheLayout.size(memory.heapBytes()));
  }

  private static String largerHeap(long bytes, double share) {
    long mebibytes = Math.ceilDiv((long) (bytes / share), 1L << 20) + 1;
    return "a larger heap with KRAIT_JAVA_OPTIONS=-Xmx%dm (in a container JDK_JAVA_OPTIONS)"
        .formatted(mebibytes);
  }

  private static int drafts(EngineConfig config) {
    return config.draftTokens().orElse(config.maxDraftTokens());
  }

  /// Prompt lookup drafts single tokens; only a draft model has distributions, which grow to the
  /// next power of two.
  private static long distributionBytes(EngineConfig config, ModelLoader target) {
    long entries = Long.highestOneBit(2L * target.spec().vocabSize() - 1);
    return config.speculation() == SpeculationMode.DRAFT
        ? DISTRIBUTION_ENTRY_BYTES * config.maxSequences() * drafts(config) * entries
        : 0;
  }

  /// The longest sequence: what was asked for, if the model has positions for it. Without attention
  /// there are no positions, and any length goes.
  private static int longest(EngineConfig config, ModelLoader target) {
    int own = target.spec().maxTokens();
    int asked = config.maxModelTokens().orElse(own);
    boolean attends = target.spec().cacheSpecs().stream().anyMatch(KvCacheSpec.class::isInstance);
    if (attends && asked > own) {
      throw EngineException.invalidArgument(
          "max-model-len", asked, "at most " + own + ", the max_position_embeddings of the model");
    }
    return asked;
  }

  /// The demand with the longest sequences of which one fits the budget, when nobody asked for a
  /// length.
  private static CacheDemand shortened(
      CacheDemand demand, IntFunction<CacheDemand> demands, IntToLongFunction budget) {
    if (!demand.attends()) {
      return demand;
    }
    int fitting = 0;
    int tooMany = Math.ceilDiv(demand.maxModelTokens(), demand.blockTokens()) + 1;
    while (tooMany - fitting > 1) {
      int blocks = (fitting + tooMany) >>> 1;
      long left = budget.applyAsLong(blocks * demand.blockTokens()) - demand.bytesPerSlot();
      if (blocks * demand.bytesPerBlock() <= left) {
        fitting = blocks;
      } else {
        tooMany = blocks;
      }
    }
    int tokens = Math.max(1, fitting * demand.blockTokens());
    return tokens >= demand.maxModelTokens() ? demand : demands.apply(tokens);
  }

  private static CacheDemand demand(
      EngineConfig config,
      ModelLoader target,
      Optional<ModelLoader> draft,
      DType keyValueType,
      int longest) {
    List<CacheSpec> draftSpecs =
        draft.map(loader -> loader.spec().cacheSpecs(keyValueType)).orElse(List.of());
    int window = config.speculation() == SpeculationMode.OFF ? 0 : drafts(config) + 1;
    IntFunction<CacheDemand> withSnapshots =
        snapshots ->
            new CacheDemand(
                target.spec().cacheSpecs(keyValueType),
                draftSpecs,
                CacheDemand.BLOCK_TOKENS,
                config.maxSequences(),
                longest,
                window,
                snapshots);
    CacheDemand without = withSnapshots.apply(0);
    return config.prefixCaching() ? withSnapshots.apply(snapshots(config, without)) : without;
  }

  /// States of kept prefixes: as many as were asked for in bytes, else one for each sequence.
  private static int snapshots(EngineConfig config, CacheDemand demand) {
    if (config.stateCacheBytes().isEmpty() || demand.bytesPerSlot() == 0) {
      return Math.max(MIN_SNAPSHOTS, config.maxSequences());
    }
    long slots = config.stateCacheBytes().getAsLong() / demand.bytesPerSlot();
    return (int) Math.min(slots, MAX_SNAPSHOTS);
  }
}
