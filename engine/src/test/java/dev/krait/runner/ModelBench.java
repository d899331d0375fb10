package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CachePlanner;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A model on a backend, driven by hand: chunks of tokens in, logits out.
final class ModelBench implements AutoCloseable {
  static final int WINDOW = 9;

  private final ModelLoader loader;
  final LoadedModel model;
  final ForwardPass pass;
  private final CacheLayout layout;

  ModelBench(Path folder, Backend backend, int maxSequences, int maxModelTokens, int maxTokens) {
    this(folder, backend, TestBackends.weights(backend), maxSequences, maxModelTokens, maxTokens);
  }

  ModelBench(
      Path folder,
      Backend backend,
      StoredType type,
      int maxSequences,
      int maxModelTokens,
      int maxTokens) {
    loader = ModelLoader.open(folder);
    model = loader.load(backend, type);
    CacheDemand demand =
        new CacheDemand(
            model.spec().cacheSpecs(),
            List.of(),
            CacheDemand.BLOCK_TOKENS,
            maxSequences,
            maxModelTokens,
            WINDOW,
            0);
    layout = CachePlanner.plan(demand, CachePlanner.usableBytes(demand));
    pass = new ForwardPass(model, layout, maxTokens);
  }

  /// Memory of sequence `index`; different sequences do not overlap.
  FlatMemory memory(int index) {
    int blocks = layout.demand().blocksFor(layout.demand().maxModelTokens());
    int slots = Math.max(1, layout.stateSlots());
    return new FlatMemory(slots - 1 - index % slots, index * blocks, blocks);
  }

  /// Computes a chunk that cannot be rejected and returns the logits of each of its positions.
  List<float[]> chunk(FlatMemory memory, int[] ids, int from, int count) {
    pass.begin();
    memory.reserve(count, 0);
    int row = pass.add(memory, memory.committedTokens(), count, count, memory.pendingTokens(), 0);
    return run(memory, ids, from, count, row);
  }

  /// Verifies a span of which the first `accepted` are then committed.
  List<float[]> verify(FlatMemory memory, int[] ids, int from, int count, int accepted) {
    pass.begin();
    memory.reserve(0, count);
    int row = pass.add(memory, memory.committedTokens(), count, 0, memory.pendingTokens(), 0);
    return run(memory, ids, from, accepted, row, count);
  }

  private List<float[]> run(FlatMemory memory, int[] ids, int from, int count, int row) {
    return run(memory, ids, from, count, row, count);
  }

  private List<float[]> run(
      FlatMemory memory, int[] ids, int from, int committed, int row, int count) {
    for (int j = 0; j < count; j++) {
      pass.setToken(row + j, ids[from + j]);
      pass.want(row + j);
    }
    pass.execute();
    memory.commit(committed);
    List<float[]> logits = new ArrayList<>();
    for (int j = 0; j < count; j++) {
      logits.add(pass.logits(j).clone());
    }
    return logits;
  }

  /// Folds the pending inputs of a sequence into its states.
  void flush(FlatMemory memory) {
    pass.begin();
    pass.add(memory, memory.committedTokens(), 0, 0, memory.pendingTokens(), 0);
    pass.execute();
    memory.markFlushed();
  }

  List<LayerCache> caches() {
    return pass.caches();
  }

  @Override
  public void close() {
    loader.close();
  }
}
