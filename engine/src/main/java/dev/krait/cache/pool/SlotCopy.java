package dev.krait.cache.pool;

/// A copy of what a state slot has of every layer, except its replay window, to another slot. It is
/// made before the next step, after the copies that were asked for before it.
///
/// @param from the slot that is read
/// @param to the slot that is written
public record SlotCopy(int from, int to) {}
