package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.cache.CacheLayout;
import dev.krait.cache.CacheSpec;
import dev.krait.cache.CacheSpec.KvCacheSpec;
import dev.krait.cache.CacheSpec.StateSpec;
import java.util.ArrayList;
import java.util.List;

/// Allocates the device memory that a [CacheLayout] counts.
final class CacheTensors {
  private CacheTensors() {}

  /// One cache for each spec, in order.
  static List<LayerCache> allocate(Backend backend, List<CacheSpec> specs, CacheLayout layout) {
    int blockTokens = layout.demand().blockTokens();
    int window = layout.demand().window();
    List<LayerCache> caches = new ArrayList<>();
    for (CacheSpec spec : specs) {
      caches.add(
          switch (spec) {
            case KvCacheSpec kv -> {
              long elements = (long) layout.blocks() * blockTokens * kv.kvHeads() * kv.headDim();
              yield new KvCache(
                  backend.allocate(elements), backend.allocate(elements), blockTokens);
            }
            case StateSpec state -> {
              long slots = layout.stateSlots();
              int ring = state.ringTokens(window);
              int windowTokens = state.windowTokens(window);
              yield new StateCache(
                  backend.allocate(slots * state.stateElements()),
                  backend.allocate(slots * ring * state.convChannels()),
                  backend.allocate(slots * windowTokens * state.inputElements()),
                  ring,
                  windowTokens);
            }
          });
    }
    return caches;
  }
}
