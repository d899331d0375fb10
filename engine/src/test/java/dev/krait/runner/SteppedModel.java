package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.StoredType;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A model on a backend, driven by hand: chunks of tokens in, logits out.
final class SteppedModel implements AutoCloseable {
  static final int WINDOW = 9;

  private final ModelRig rig;
  final ForwardPass pass;
  final LoadedModel model;

  SteppedModel(Path folder, Backend backend, int maxSequences, int maxModelTokens, int maxTokens) {
    this(
        folder,
        backend,
        TestBackends.weights(backend),
        new ModelRig.Sizes(maxSequences, maxModelTokens, maxTokens, WINDOW));
  }

  SteppedModel(Path folder, Backend backend, StoredType type, ModelRig.Sizes sizes) {
    TestBackends.assumeComputes(backend, folder);
    rig = new ModelRig(folder, Optional.empty(), backend, type, sizes);
    pass = rig.target();
    model = pass.model();
  }

  /// Memory of sequence `index`; different sequences do not overlap.
  FlatMemory memory(int index) {
    CacheLayout layout = rig.layout();
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
      pass.requestLogits(row + j);
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

  CacheLayout layout() {
    return rig.layout();
  }

  List<LayerCache> caches() {
    return pass.caches();
  }

  @Override
  public void close() {
    rig.close();
  }
}
