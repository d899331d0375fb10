package dev.krait.cache.sequence;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.prefix.PrefixResult;
import java.util.List;
import java.util.Optional;

/// A sequence's memory, and what was found for it.
///
/// @param memory has the longest kept prefix of the prompt committed
/// @param prefixResult what looking the prompt up gave; empty when it was not looked up
/// @param copies of a snapshot and of a partly filled block, which the memory's first step needs
public record Opened(
    SequenceCache memory, Optional<PrefixResult> prefixResult, List<CacheCopy> copies) {}
