/// OpenAI's JSON: request bodies in, response bodies and stream chunks out.
///
/// Read [OpenAiParser], then [CompletionJson]. Pure functions of their arguments; any thread.
@NullMarked
package dev.krait.server.openai;

import org.jspecify.annotations.NullMarked;
