/// The scalar backend that defines what every operation means: obvious, slow, without tricks.
///
/// Read [ReferenceOps]. One thread at a time.
@NullMarked
package dev.krait.backend.reference;

import org.jspecify.annotations.NullMarked;
