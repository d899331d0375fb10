/// Executors of mixers: what a layer launches in a step.
///
/// Read [MixerExecutor], then [AttentionExecutor]. Called by the runner on the engine thread.
@NullMarked
package dev.krait.runner.mixer;

import org.jspecify.annotations.NullMarked;
