package dev.krait.langchain4j;

import dev.krait.Answer;
import dev.krait.error.EngineException;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.LangChain4jException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.exception.TimeoutException;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.List;

/// Answers and failures as LangChain4j has them.
final class Responses {
  private Responses() {}

  static ChatResponse of(Answer answer) {
    List<ToolExecutionRequest> calls =
        answer.calls().stream()
            .map(call ->
                ToolExecutionRequest.builder()
                    .id(call.id())
                    .name(call.name())
                    .arguments(call.arguments())
                    .build())
            .toList();
    AiMessage.Builder message = AiMessage.builder().toolExecutionRequests(calls);
    if (!answer.text().isEmpty() || calls.isEmpty()) {
      message.text(answer.text());
    }
    if (!answer.reasoning().isEmpty()) {
      message.thinking(answer.reasoning());
    }
    FinishReason reason = answer.finish().stopped() ? FinishReason.STOP : FinishReason.LENGTH;
    return ChatResponse.builder()
        .aiMessage(message.build())
        .finishReason(calls.isEmpty() ? reason : FinishReason.TOOL_EXECUTION)
        .tokenUsage(
            new TokenUsage(answer.usage().promptTokens(), answer.usage().completionTokens()))
        .build();
  }

  static LangChain4jException failure(EngineException e) {
    return switch (e.code()) {
      case INVALID_ARGUMENT, CONTEXT_LENGTH_EXCEEDED, UNSUPPORTED ->
          new InvalidRequestException(e.getMessage(), e);
      case RESOURCE_EXHAUSTED -> new RateLimitException(e.getMessage(), e);
      case DEADLINE_EXCEEDED -> new TimeoutException(e.getMessage(), e);
      default -> new InternalServerException(e.getMessage(), e);
    };
  }
}
