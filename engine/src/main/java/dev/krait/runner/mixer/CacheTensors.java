package dev.krait.runner.mixer;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
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

  /// Copies the state and the convolution ring of a slot to another; not the replay window.
  static void copySlot(StateCache cache, StateSpec spec, int from, int to) {
    copy(cache.state(), spec.stateElements(), from, to);
    copy(cache.convRing(), (long) cache.ringTokens() * spec.convChannels(), from, to);
  }

  private static void copy(Buffer slots, long each, int from, int to) {
    slots.copy(from * each, to * each, each);
  }
}
