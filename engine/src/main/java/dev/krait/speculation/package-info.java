/// Drafters, and the runner that lets them propose and the target verify.
///
/// Read [SpeculativeRunner], then [Drafter]. Engine thread only.
@NullMarked
package dev.krait.speculation;

import org.jspecify.annotations.NullMarked;
