package dev.krait.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.Krait;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialToolCall;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The chat models of LangChain4j, with the shipped model and a template that shows tools.
class KraitChatModelTest {
  private static final Path MODEL =
      Path.of(System.getProperty("krait.repo", ".."), "models", "krait-tiny").toAbsolutePath();
  private static final String TEMPLATE =
      """
      {%- for tool in tools or [] %}{{ tool | tojson }}<tool_call>
      {% endfor %}{%- for message in messages %}<|{{ message.role if message.role != 'tool' else 'user' }}|>
      {{ message.content }}{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}<|end|>
      {% endfor %}<|assistant|>
      """;
  private static final ToolSpecification WEATHER =
      ToolSpecification.builder()
          .name("weather")
          .description("The weather of a city")
          .parameters(
              JsonObjectSchema.builder()
                  .addEnumProperty("city", List.of("Oslo"))
                  .required("city")
                  .additionalProperties(false)
                  .build())
          .build();

  private static Krait krait;

  @BeforeAll
  static void open(@TempDir Path folder) throws IOException {
    Path template = Files.writeString(folder.resolve("tools.jinja"), TEMPLATE);
    krait = Krait.builder(MODEL).chatTemplate(template).open();
  }

  @AfterAll
  static void close() {
    krait.close();
  }

  private static ChatRequest.Builder question() {
    return ChatRequest.builder()
        .messages(UserMessage.from("What is the moon?"))
        .temperature(0.0)
        .maxOutputTokens(12);
  }

  /// What a streaming handler is told.
  private static final class Heard implements StreamingChatResponseHandler {
    private final StringBuilder text = new StringBuilder();
    private final StringBuilder arguments = new StringBuilder();
    private final List<ToolExecutionRequest> calls = new ArrayList<>();
    private final CompletableFuture<ChatResponse> response = new CompletableFuture<>();

    @Override
    public void onPartialResponse(String partial) {
      text.append(partial);
    }

    @Override
    public void onPartialToolCall(PartialToolCall partial) {
      arguments.append(partial.partialArguments());
    }

    @Override
    public void onCompleteToolCall(CompleteToolCall call) {
      calls.add(call.toolExecutionRequest());
    }

    @Override
    public void onCompleteResponse(ChatResponse whole) {
      response.complete(whole);
    }

    @Override
    public void onError(Throwable failure) {
      response.completeExceptionally(failure);
    }
  }

  @Test
  void answersWithUsageAndReason() {
    ChatResponse response = new KraitChatModel(krait).chat(question().build());
    assertThat(response.aiMessage().text()).isNotBlank();
    assertThat(response.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(12);
    assertThat(response.tokenUsage().inputTokenCount()).isPositive();
  }

  @Test
  void defaultsAreTakenWhereARequestNamesNone() {
    ChatRequestParameters defaults =
        ChatRequestParameters.builder().temperature(0.0).maxOutputTokens(3).build();
    ChatResponse response =
        new KraitChatModel(krait, defaults).chat(UserMessage.from("What is the moon?"));
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(3);
    ChatResponse longer = new KraitChatModel(krait, defaults).chat(question().build());
    assertThat(longer.tokenUsage().outputTokenCount()).isEqualTo(12);
  }

  @Test
  void streamsTheSameText() throws Exception {
    Heard heard = new Heard();
    new KraitStreamingChatModel(krait).chat(question().build(), heard);
    ChatResponse response = heard.response.get(5, TimeUnit.MINUTES);
    assertThat(response.aiMessage().text()).isEqualTo(heard.text.toString());
    assertThat(response.aiMessage().text())
        .isEqualTo(new KraitChatModel(krait).chat(question().build()).aiMessage().text());
  }

  @Test
  void keepsToASchema() {
    JsonSchema schema =
        JsonSchema.builder()
            .name("animal")
            .rootElement(
                JsonObjectSchema.builder()
                    .addEnumProperty("animal", List.of("snake"))
                    .addBooleanProperty("legs")
                    .required("animal", "legs")
                    .additionalProperties(false)
                    .build())
            .build();
    ChatResponse response =
        new KraitChatModel(krait)
            .chat(
                question()
                    .maxOutputTokens(400)
                    .responseFormat(
                        ResponseFormat.builder()
                            .type(ResponseFormatType.JSON)
                            .jsonSchema(schema)
                            .build())
                    .build());
    assertThat(response.aiMessage().text().replaceAll("\\s", ""))
        .matches("\\{\"animal\":\"snake\",\"legs\":(true|false)\\}");
  }

  private static ChatRequest.Builder weather() {
    return question()
        .maxOutputTokens(600)
        .toolSpecifications(WEATHER)
        .toolChoice(ToolChoice.REQUIRED);
  }

  @Test
  void callsToolsStreamedOrWhole() throws Exception {
    Heard heard = new Heard();
    new KraitStreamingChatModel(krait).chat(weather().build(), heard);
    AiMessage streamed = heard.response.get(5, TimeUnit.MINUTES).aiMessage();
    assertThat(streamed.toolExecutionRequests()).isNotEmpty().isEqualTo(heard.calls);
    ChatResponse whole = new KraitChatModel(krait).chat(weather().build());
    assertThat(whole.finishReason()).isEqualTo(FinishReason.TOOL_EXECUTION);
    ToolExecutionRequest call = whole.aiMessage().toolExecutionRequests().getFirst();
    assertThat(call.name()).isEqualTo("weather");
    assertThat(call.arguments().replaceAll("\\s", "")).isEqualTo("{\"city\":\"Oslo\"}");
    assertThat(heard.arguments.toString()).contains("Oslo");
    ChatResponse further =
        new KraitChatModel(krait)
            .chat(
                question()
                    .messages(
                        SystemMessage.from("Be short."),
                        UserMessage.from("The weather?"),
                        AiMessage.from(call),
                        ToolExecutionResultMessage.from(call, "Rain"))
                    .build());
    assertThat(further.aiMessage().text()).isNotBlank();
  }

  @Test
  void whatIsNotTakenIsAnExceptionOfLangChain4j() throws Exception {
    KraitChatModel model = new KraitChatModel(krait);
    assertThatThrownBy(() -> model.chat(question().temperature(-1.0).build()))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("temperature");
    UserMessage image = UserMessage.from(ImageContent.from("https://example.org/a.png"));
    assertThatThrownBy(() -> model.chat(image)).isInstanceOf(UnsupportedFeatureException.class);
    Heard heard = new Heard();
    String longText = "word ".repeat(5000);
    new KraitStreamingChatModel(krait)
        .chat(question().messages(UserMessage.from(longText)).build(), heard);
    assertThat(heard.response)
        .failsWithin(5, TimeUnit.MINUTES)
        .withThrowableThat()
        .havingCause()
        .isInstanceOf(InvalidRequestException.class);
  }
}
