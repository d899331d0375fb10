/// A byte budget cut into key/value blocks and state slots, and the pools that count them.
///
/// All calls to the pools come from the engine thread; planning is pure.
@NullMarked
package dev.krait.cache.pool;

import org.jspecify.annotations.NullMarked;
