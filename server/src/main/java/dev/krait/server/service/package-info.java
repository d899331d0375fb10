/// Requests in text, generations in text: what the protocols share.
///
/// Read [GenerationService], then [TextStream]. Any thread may start a generation; each stream has
/// one reader, usually a virtual thread.
@NullMarked
package dev.krait.server.service;

import org.jspecify.annotations.NullMarked;
