/// Text in and out of token ids: [Tokenizer], [IncrementalDecoder] and [StopMatcher] for streams,
/// and [ChatTemplate] for conversations. Opened once per model by whoever loads it; the tokenizer
/// and the template serve any thread, the decoder and the matcher belong to one stream.
@NullMarked
package dev.krait.text;

import org.jspecify.annotations.NullMarked;
