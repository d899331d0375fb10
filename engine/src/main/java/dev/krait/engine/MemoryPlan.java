package dev.krait.engine;

import dev.krait.cache.CacheDemand;
import dev.krait.cache.CacheLayout;
import dev.krait.cache.CachePlanner;
import dev.krait.cache.CacheSpec;
import dev.krait.loading.ModelLoader;
import java.util.List;
import java.util.Optional;

/// How many bytes caches may take, and how long a sequence may then be.
final class MemoryPlan {
  /// Share of the heap that caches may take; the rest is for scratch memory and requests.
  private static final double HEAP_SHARE = 0.6;

  private MemoryPlan() {}

  static CacheLayout of(EngineConfig config, ModelLoader target, Optional<ModelLoader> draft) {
    long budget =
        config.cacheBytes().orElseGet(() -> (long) (Runtime.getRuntime().maxMemory() * HEAP_SHARE));
    int own = target.spec().maxTokens();
    int longest = config.maxModelTokens().orElse(own);
    CacheDemand demand = demand(config, target, draft, longest);
    if (config.maxModelTokens().isEmpty()) {
      demand = shortened(demand, config, target, draft, budget);
    }
    return CachePlanner.plan(demand, budget);
  }

  /// The demand with the longest sequences of which one fits the budget, when nobody asked for a
  /// length.
  private static CacheDemand shortened(
      CacheDemand demand,
      EngineConfig config,
      ModelLoader target,
      Optional<ModelLoader> draft,
      long budget) {
    if (demand.bytesPerBlock() == 0) {
      return demand;
    }
    long blocks = (budget - demand.bytesPerSlot()) / demand.bytesPerBlock();
    long fitting = Math.max(1, blocks * demand.blockTokens());
    return fitting >= demand.maxModelTokens()
        ? demand
        : demand(config, target, draft, (int) fitting);
  }

  private static CacheDemand demand(
      EngineConfig config, ModelLoader target, Optional<ModelLoader> draft, int longest) {
    List<CacheSpec> draftSpecs = draft.map(loader -> loader.spec().cacheSpecs()).orElse(List.of());
    int drafts = config.draftTokens().orElse(config.maxDraftTokens());
    int window = config.speculation() == SpeculationMode.OFF ? 0 : drafts + 1;
    return new CacheDemand(
        target.spec().cacheSpecs(),
        draftSpecs,
        CacheDemand.BLOCK_TOKENS,
        config.maxSequences(),
        longest,
        window);
  }
}
