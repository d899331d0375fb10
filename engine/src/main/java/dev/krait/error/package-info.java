/// The one exception of the engine and its categories. Every package may use it, from any thread.
@NullMarked
package dev.krait.error;

import org.jspecify.annotations.NullMarked;
