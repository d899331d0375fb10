/// Devices and the operations that models are made of.
///
/// Read [Ops], then [StepInputs]. A backend and everything it made belong to one thread at a time.
@NullMarked
package dev.krait.backend;

import org.jspecify.annotations.NullMarked;
