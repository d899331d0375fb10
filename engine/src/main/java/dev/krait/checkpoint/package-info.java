/// From the files of a model folder to named tensors that are views of mapped memory, and to typed
/// values of its configuration. Read [Checkpoint] first, then [CheckpointConfig]; files are treated
/// as hostile, nothing in them is executed, and everything is immutable once opened, so any thread
/// may use it.
@NullMarked
package dev.krait.checkpoint;

import org.jspecify.annotations.NullMarked;
