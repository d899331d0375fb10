package dev.krait.server.openai;

/// How a client wants its answer written.
///
/// @param stream as server-sent events
/// @param includeUsage with a last chunk that counts tokens
/// @param continuousUsage with counts in every chunk
/// @param tokenIds with the generated ids in each choice
/// @param tokensAsIds tokens in log-probabilities as `token_id:5`
/// @param reasoning with the reasoning of chats
public record ResponseOptions(
    boolean stream,
    boolean includeUsage,
    boolean continuousUsage,
    boolean tokenIds,
    boolean tokensAsIds,
    boolean reasoning) {}
