/// Each sequence's share of the pools.
///
/// Read [SequenceCache], then [KvCachePools]. Calls go one way: from here to `cache.prefix` and
/// `cache.pool`, and from `cache.prefix` to `cache.pool`. All calls come from the engine thread.
@NullMarked
package dev.krait.cache.sequence;

import org.jspecify.annotations.NullMarked;
