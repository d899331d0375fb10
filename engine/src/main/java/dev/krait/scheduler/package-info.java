/// Who gets how many tokens of the next step, and what a step's answer means.
///
/// Read [Scheduler], then [Sequence]. Everything here belongs to the engine thread.
@NullMarked
package dev.krait.scheduler;

import org.jspecify.annotations.NullMarked;
