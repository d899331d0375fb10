/// One file per family of checkpoints: what its configuration means, and which tensor plays which
/// role.
///
/// Read [ModelFamily], then [LlamaFamily]. Stateless; usable from any thread.
@NullMarked
package dev.krait.model.family;

import org.jspecify.annotations.NullMarked;
