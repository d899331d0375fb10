/// Models as data: what layers there are, with which sizes, and the weights that belong to them.
///
/// Read [ModelSpec], then [Mixer]. Immutable; usable from any thread.
@NullMarked
package dev.krait.model;

import org.jspecify.annotations.NullMarked;
