/// Requests in text, generations in text: what a program, a terminal and a server share.
///
/// Read [GenerationService], then [TextStream]. Any thread may start a generation; each stream has
/// one reader, usually a virtual thread.
@NullMarked
package dev.krait.service;

import org.jspecify.annotations.NullMarked;
