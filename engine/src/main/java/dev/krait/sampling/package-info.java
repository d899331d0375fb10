/// The plain Java meaning of choosing tokens: logits processors, distributions, draws, and the
/// acceptance of drafts.
///
/// Read [LogitsProcessor], [Sampler], then [Verifier]. Objects hold scratch memory and belong to
/// one thread.
@NullMarked
package dev.krait.sampling;

import org.jspecify.annotations.NullMarked;
