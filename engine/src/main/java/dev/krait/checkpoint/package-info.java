/// Files of a checkpoint folder: configuration values and named tensors over mapped memory.
///
/// Read [Checkpoint], then [CheckpointConfig]. Immutable after opening; usable from any thread.
@NullMarked
package dev.krait.checkpoint;

import org.jspecify.annotations.NullMarked;
