/// From a checkpoint folder to a model in device memory.
///
/// Read [ModelLoader]. Called once per model, by the thread that starts the engine.
@NullMarked
package dev.krait.loading;

import org.jspecify.annotations.NullMarked;
