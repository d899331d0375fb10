/// Fakes for tests of the engine and of what is built on it: a model that is a hash, a clock that
/// is set by hand, an engine in memory.
///
/// Read [InMemoryEngine], then [PrefixHashRunner].
@NullMarked
package dev.krait.testing;

import org.jspecify.annotations.NullMarked;
