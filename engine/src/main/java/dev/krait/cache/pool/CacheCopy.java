package dev.krait.cache.pool;

/// A copy within the caches of all layers, which is made before the next step, after those that
/// were asked for before it.
public sealed interface CacheCopy permits SlotCopy, BlockCopy {}
