package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CachePlanner;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A model, and a draft model if there is one, in the memory of a backend over caches of one
/// layout. Benchmarks and tests drive its passes without an engine, which plans memory for what the
/// machine has left.
public final class ModelRig implements AutoCloseable {
  private final List<ModelLoader> loaders = new ArrayList<>();
  private final CacheLayout layout;
  private final List<ForwardPass> passes = new ArrayList<>();

  /// How large the caches and a step are.
  ///
  /// @param maxSequences most sequences at once
  /// @param maxModelTokens longest sequence
  /// @param maxTokensPerStep most tokens of a step
  /// @param window most tokens of a step that may be rejected
  /// @param snapshots state slots beside those of sequences
  /// @param cacheShare share of the bytes that all this can use
  /// @param longestSequence length of one sequence that may be longer than the others
  public record Sizes(
      int maxSequences,
      int maxModelTokens,
      int maxTokensPerStep,
      int window,
      int snapshots,
      double cacheShare,
      int longestSequence) {

    /// No sequence is longer than others.
    public Sizes(
        int maxSequences,
        int maxModelTokens,
        int maxTokensPerStep,
        int window,
        int snapshots,
        double cacheShare) {
      this(
          maxSequences,
          maxModelTokens,
          maxTokensPerStep,
          window,
          snapshots,
          cacheShare,
          maxModelTokens);
    }

    /// Room for all of it, and for no snapshots.
    public Sizes(int maxSequences, int maxModelTokens, int maxTokensPerStep, int window) {
      this(maxSequences, maxModelTokens, maxTokensPerStep, window, 0, 1);
    }
  }

  /// Loads what the folders hold.
  ///
  /// @param draft folder of the draft model
  /// @throws dev.krait.error.EngineException as [ModelLoader#open] and [ModelLoader#load]
  public ModelRig(
      Path target, Optional<Path> draft, Backend backend, StoredType weights, Sizes sizes) {
    try {
      loaders.add(ModelLoader.open(target));
      draft.ifPresent(folder -> loaders.add(ModelLoader.open(folder)));
      layout = layout(sizes, backend);
      for (ModelLoader loader : loaders) {
        boolean probabilities = !passes.isEmpty();
        LoadedModel model = loader.load(backend, weights);
        passes.add(new ForwardPass(model, layout, sizes.maxTokensPerStep(), probabilities));
      }
    } catch (RuntimeException failure) {
      close();
      throw failure;
    }
  }

  private CacheLayout layout(Sizes sizes, Backend backend) {
    CacheDemand demand = demand(sizes, sizes.maxModelTokens(), backend);
    long bytes = (long) (CachePlanner.usableBytes(demand) * sizes.cacheShare());
    CacheLayout planned = CachePlanner.plan(demand, bytes);
    if (sizes.longestSequence() <= sizes.maxModelTokens()) {
      return planned;
    }
    CacheDemand longer = demand(sizes, sizes.longestSequence(), backend);
    int more = longer.blocksFor(sizes.longestSequence());
    return new CacheLayout(
        longer,
        bytes + more * longer.bytesPerBlock(),
        planned.blocks() + more,
        planned.stateSlots());
  }

  private CacheDemand demand(Sizes sizes, int maxModelTokens, Backend backend) {
    return new CacheDemand(
        cacheSpecs(0, backend),
        cacheSpecs(1, backend),
        CacheDemand.BLOCK_TOKENS,
        sizes.maxSequences(),
        maxModelTokens,
        sizes.window(),
        sizes.snapshots());
  }

  private List<CacheSpec> cacheSpecs(int index, Backend backend) {
    return index < loaders.size()
        ? loaders.get(index).spec().cacheSpecs(backend.keyValueType())
        : List.of();
  }

  /// Where sequences lie in the caches.
  public CacheLayout layout() {
    return layout;
  }

  /// The model.
  public ForwardPass target() {
    return passes.getFirst();
  }

  /// The draft model.
  public Optional<ForwardPass> draft() {
    return passes.stream().skip(1).findFirst();
  }

  @Override
  public void close() {
    loaders.reversed().forEach(ModelLoader::close);
  }
}
