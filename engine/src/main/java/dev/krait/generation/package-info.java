/// What a caller and the engine say to each other: requests in, a stream of tokens out.
///
/// Read [GenerationRequest], then [TokenStream]. Values are immutable; the stream joins the engine
/// thread and one reader.
@NullMarked
package dev.krait.generation;

import org.jspecify.annotations.NullMarked;
