/// Executes a step plan on a backend: the boundary between the engine and the device.
///
/// Read [ModelRunner] first. One thread, the engine's, calls everything here.
@NullMarked
package dev.krait.runner;

import org.jspecify.annotations.NullMarked;
