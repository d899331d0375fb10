package dev.krait.langchain4j;

import dev.krait.Chat;
import dev.krait.Message;
import dev.krait.Options;
import dev.krait.Tool;
import dev.krait.error.EngineException;
import dev.krait.reply.Reply.ToolCall;
import dev.krait.service.SchemaJson;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.internal.JsonSchemaElementJsonUtils;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.json.JsonSchemaElement;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Requests of LangChain4j as chats.
final class Requests {
  private Requests() {}

  /// @throws dev.langchain4j.exception.LangChain4jException for what the model cannot be asked
  static Chat chat(ChatRequest request) {
    try {
      Chat.Builder chat = Chat.builder().options(options(request));
      request.messages().forEach(message -> chat.message(message(message)));
      if (request.toolSpecifications() != null) {
        request.toolSpecifications().forEach(tool -> chat.tool(tool(tool)));
      }
      switch (request.toolChoice()) {
        case REQUIRED -> chat.callSomeTool();
        case NONE -> chat.callNoTool();
        case null, default -> {}
      }
      return chat.build();
    } catch (EngineException e) {
      throw Responses.failure(e);
    }
  }

  private static Options options(ChatRequest request) {
    Options.Builder options = Options.builder();
    Optional.ofNullable(request.temperature()).ifPresent(options::temperature);
    Optional.ofNullable(request.topP()).ifPresent(options::topP);
    Optional.ofNullable(request.topK()).ifPresent(options::topK);
    Optional.ofNullable(request.frequencyPenalty()).ifPresent(options::frequencyPenalty);
    Optional.ofNullable(request.presencePenalty()).ifPresent(options::presencePenalty);
    Optional.ofNullable(request.maxOutputTokens()).ifPresent(options::maxTokens);
    Optional.ofNullable(request.stopSequences()).ifPresent(options::stop);
    ResponseFormat format = request.responseFormat();
    if (format != null && format.type() == ResponseFormatType.JSON) {
      if (format.jsonSchema() == null) {
        options.jsonObject();
      } else {
        options.jsonSchema(schema(format.jsonSchema().rootElement()));
      }
    }
    return options.build();
  }

  private static Message message(ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> Message.system(system.text());
      case UserMessage user ->
          Message.user(
              user.contents().stream().map(Requests::text).collect(Collectors.joining("\n")));
      case AiMessage answer ->
          new Message(
              "assistant",
              Objects.requireNonNullElse(answer.text(), ""),
              answer.toolExecutionRequests().stream()
                  .map(call -> new ToolCall(call.id(), call.name(), call.arguments()))
                  .toList(),
              Optional.empty());
      case ToolExecutionResultMessage result ->
          new Message("tool", result.text(), List.of(), Optional.ofNullable(result.id()));
      default ->
          throw new UnsupportedFeatureException(
              message.type() + " (expected: a system, user, AI or tool message)");
    };
  }

  private static String text(Content content) {
    if (content instanceof TextContent text) {
      return text.text();
    }
    throw new UnsupportedFeatureException(content.type() + " (expected: text)");
  }

  private static Tool tool(ToolSpecification tool) {
    return new Tool(
        tool.name(),
        Objects.requireNonNullElse(tool.description(), ""),
        tool.parameters() == null
            ? "{\"type\": \"object\", \"properties\": {}}"
            : schema(tool.parameters()));
  }

  private static String schema(@Nullable JsonSchemaElement element) {
    return SchemaJson.write(JsonSchemaElementJsonUtils.toMap(Objects.requireNonNull(element)));
  }
}
