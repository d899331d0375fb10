package dev.krait.server.openai;

import dev.krait.service.PromptRequest;

/// A parsed body of `/v1/completions` or `/v1/chat/completions`.
///
/// @param prompt what to generate
/// @param response how to write it
public record OpenAiRequest(PromptRequest prompt, ResponseOptions response) {}
