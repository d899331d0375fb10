package dev.krait.cache.prefix;

/// The recurrent states of a sequence that ends.
///
/// @param slot where they are
/// @param pendingTokens the last tokens that they do not include yet: their inputs lie in the
///   slot's replay window
/// @param draftModelTokens tokens from the start that the draft model's states include; 0 without a
///   draft model
public record EndStates(int slot, int pendingTokens, int draftModelTokens) {}
