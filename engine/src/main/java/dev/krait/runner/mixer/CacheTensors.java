package dev.krait.runner.mixer;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.cache.pool.BlockCopy;
import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.tensor.Buffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Allocates the device memory that a [CacheLayout] counts, layer by layer.
public final class CacheTensors {
  private final Backend backend;
  private final CacheLayout layout;
  private final List<LayerCache> all = new ArrayList<>();

  /// Nothing is allocated yet.
  public CacheTensors(Backend backend, CacheLayout layout) {
    this.backend = backend;
    this.layout = layout;
  }

  /// What has been allocated, in order.
  public List<LayerCache> all() {
    return Collections.unmodifiableList(all);
  }

  /// Keys and values of one more layer.
  KvCache keysAndValues(KvCacheSpec spec) {
    int blockTokens = layout.demand().blockTokens();
    long elements = (long) layout.blocks() * blockTokens * spec.kvHeads() * spec.headDim();
    KvCache cache =
        new KvCache(
            backend.allocate(backend.keyValueType(), elements),
            backend.allocate(backend.keyValueType(), elements),
            blockTokens);
    all.add(cache);
    return cache;
  }

  /// States of one more layer.
  StateCache states(StateSpec spec) {
    long slots = layout.stateSlots();
    int ring = spec.ringTokens(layout.demand().window());
    int window = spec.windowTokens(layout.demand().window());
    StateCache cache =
        new StateCache(
            backend.allocate(slots * spec.stateElements()),
            backend.allocate(slots * ring * spec.convChannels()),
            backend.allocate(slots * window * spec.inputElements()),
            ring,
            window);
    all.add(cache);
    return cache;
  }

  /// Makes a copy in every layer: of a slot's state and convolution ring, and of its replay window
  /// where that is asked for, or of a block's keys and values.
  public void copy(CacheCopy copy) {
    for (int i = 0; i < all.size(); i++) {
      switch (all.get(i)) {
        case StateCache states when copy instanceof SlotCopy slot -> {
          copy(states.state(), layout.stateSlots(), slot.from(), slot.to());
          copy(states.convRing(), layout.stateSlots(), slot.from(), slot.to());
          if (slot.withWindow()) {
            copy(states.window(), layout.stateSlots(), slot.from(), slot.to());
          }
        }
        case KvCache keysAndValues when copy instanceof BlockCopy block -> {
          copy(keysAndValues.keys(), layout.blocks(), block.from(), block.to());
          copy(keysAndValues.values(), layout.blocks(), block.from(), block.to());
        }
        case StateCache none -> {}
        case KvCache none -> {}
      }
    }
  }

  /// Copies one of the equal parts that a buffer has to another.
  private static void copy(Buffer buffer, int parts, int from, int to) {
    long each = buffer.elements() / parts;
    buffer.copy(from * each, to * each, each);
  }
}
