package dev.krait.cache.pool;

/// A copy of the keys and values of a block to another.
///
/// @param from the block that is read
/// @param to the block that is written
public record BlockCopy(int from, int to) implements CacheCopy {}
