/// Prompt prefixes that are kept for sequences that start alike, and what is evicted for room.
///
/// Read [PrefixCache], then [PromptPath]. All calls come from the engine thread.
@NullMarked
package dev.krait.cache.prefix;

import org.jspecify.annotations.NullMarked;
