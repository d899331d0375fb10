/// The one exception of the engine, its categories, and nearest names for its messages. Every
/// package may use it, from any thread.
@NullMarked
package dev.krait.error;

import org.jspecify.annotations.NullMarked;
