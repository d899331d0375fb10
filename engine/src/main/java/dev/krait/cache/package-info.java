/// Pools of cache memory under one byte budget, and each sequence's share of them.
///
/// Read [SequenceMemory], then [CachePools]. All calls come from the engine thread; planning is
/// pure.
@NullMarked
package dev.krait.cache;

import org.jspecify.annotations.NullMarked;
