/// Data types, shapes and views of memory. Read [Tensor] first; values are immutable and usable
/// from any thread.
@NullMarked
package dev.krait.tensor;

import org.jspecify.annotations.NullMarked;
