package dev.krait.server.clients;

import static org.assertj.core.api.Assertions.assertThat;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.helpers.ResponseAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionFunctionTool;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.responses.FunctionTool;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.responses.ResponseStreamEvent;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.ToolModel;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialToolCall;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Calls of tools and reasoning as OpenAI's own client and LangChain4j read them, from a model that
/// recites.
@Tag("slow")
class ToolClientsTest {
  private static final String CALL =
      "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
  private static final String SECOND =
      "\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";
  private static final String ANSWER = "It rains in Oslo.";

  @TempDir static Path folder;

  private static TestServer server;
  private static OpenAIClient client;

  @BeforeAll
  static void start() {
    server = TestServer.of(ToolModel.in(folder, ToolModel.HERMES));
    client = OpenAIOkHttpClient.builder().baseUrl(url()).apiKey("any").maxRetries(0).build();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
  }

  private static String url() {
    return "http://127.0.0.1:" + server.server().port() + "/v1";
  }

  private static ChatCompletionCreateParams.Builder question() {
    FunctionParameters parameters =
        FunctionParameters.builder()
            .putAdditionalProperty("type", JsonValue.from("object"))
            .putAdditionalProperty(
                "properties", JsonValue.from(Map.of("city", Map.of("type", "string"))))
            .build();
    return ChatCompletionCreateParams.builder()
        .model("krait-tiny")
        .addUserMessage("Does it rain in Oslo?")
        .addTool(
            ChatCompletionFunctionTool.builder()
                .function(
                    FunctionDefinition.builder().name("weather").parameters(parameters).build())
                .build());
  }

  private static ChatCompletionMessageFunctionToolCall.Function called(
      ChatCompletion.Choice choice, int index) {
    return choice.message().toolCalls().orElseThrow().get(index).asFunction().function();
  }

  @Test
  void openAiCallsAToolAndSendsItsResult() {
    server.recite(CALL, ANSWER);
    ChatCompletion.Choice choice =
        client.chat().completions().create(question().build()).choices().getFirst();
    assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
    assertThat(choice.message().content()).isEmpty();
    assertThat(called(choice, 0).name()).isEqualTo("weather");
    assertThat(called(choice, 0).arguments()).isEqualTo("{\"city\": \"Oslo\"}");
    String id = choice.message().toolCalls().orElseThrow().getFirst().asFunction().id();
    ChatCompletionCreateParams next =
        question()
            .addMessage(choice.message())
            .addMessage(
                ChatCompletionToolMessageParam.builder().toolCallId(id).content("rain").build())
            .build();
    ChatCompletion answer = client.chat().completions().create(next);
    assertThat(answer.choices().getFirst().message().content()).contains(ANSWER);
    assertThat(answer.choices().getFirst().message().toolCalls()).isEmpty();
  }

  private static ResponseCreateParams.Builder responseQuestion() {
    return ResponseCreateParams.builder()
        .model("krait-tiny")
        .input("Does it rain in Oslo?")
        .addTool(
            FunctionTool.builder()
                .name("weather")
                .strict(false)
                .parameters(
                    FunctionTool.Parameters.builder()
                        .putAdditionalProperty("type", JsonValue.from("object"))
                        .build())
                .build());
  }

  @Test
  void openAiReadsAResponse() {
    server.recite("So.\n" + CALL);
    Response response = client.responses().create(responseQuestion().build());
    assertThat(response.status()).contains(ResponseStatus.COMPLETED);
    assertThat(response.output().getFirst().asMessage().content().getFirst().asOutputText().text())
        .isEqualTo("So.");
    assertThat(response.output().get(1).asFunctionCall().arguments())
        .isEqualTo("{\"city\": \"Oslo\"}");
  }

  @Test
  void openAiPutsTogetherAResponseFromAStream() {
    server.recite("So.\n" + CALL);
    ResponseAccumulator accumulator = ResponseAccumulator.create();
    try (StreamResponse<ResponseStreamEvent> events =
        client.responses().createStreaming(responseQuestion().build())) {
      events.stream().forEach(accumulator::accumulate);
    }
    assertThat(accumulator.response().output().get(1).asFunctionCall().name()).isEqualTo("weather");
    assertThat(accumulator.response().validate().usage()).isPresent();
  }

  @Test
  void openAiPutsTogetherCallsFromAStream() {
    server.recite("I look.\n" + CALL + SECOND);
    ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(question().build())) {
      stream.stream().forEach(accumulator::accumulate);
    }
    ChatCompletion.Choice choice = accumulator.chatCompletion().choices().getFirst();
    assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
    assertThat(choice.message().content()).contains("I look.");
    assertThat(called(choice, 0).arguments()).isEqualTo("{\"city\": \"Oslo\"}");
    assertThat(called(choice, 1).name()).isEqualTo("weather");
    assertThat(called(choice, 1).arguments()).isEqualTo("{\"city\": \"Rome\"}");
  }

  @Test
  void openAiReadsReasoningBesideTheAnswer() {
    server.recite("<think>\nLet me see.\n</think>\n\n" + ANSWER);
    ChatCompletion answer = client.chat().completions().create(question().build());
    var message = answer.choices().getFirst().message();
    assertThat(message.content()).contains(ANSWER);
    assertThat(message.toString()).contains("reasoning_content=Let me see.");
    long reasoned =
        answer
            .usage()
            .orElseThrow()
            .completionTokensDetails()
            .orElseThrow()
            .reasoningTokens()
            .orElseThrow();
    assertThat(reasoned).isPositive().isLessThan(answer.usage().orElseThrow().completionTokens());
  }

  private static ChatRequest.Builder asked(ChatMessage... further) {
    List<ChatMessage> messages =
        new ArrayList<>(List.of(UserMessage.from("Does it rain in Oslo?")));
    messages.addAll(List.of(further));
    return ChatRequest.builder()
        .messages(messages)
        .toolSpecifications(
            ToolSpecification.builder()
                .name("weather")
                .parameters(JsonObjectSchema.builder().addStringProperty("city").build())
                .build());
  }

  @Test
  void langchainCallsAToolAndSendsItsResult() {
    server.recite(CALL, ANSWER);
    OpenAiChatModel model =
        OpenAiChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("krait-tiny")
            .maxRetries(0)
            .build();
    ChatResponse response = model.chat(asked().build());
    AiMessage message = response.aiMessage();
    assertThat(response.finishReason()).isEqualTo(FinishReason.TOOL_EXECUTION);
    ToolExecutionRequest call = message.toolExecutionRequests().getFirst();
    assertThat(call.name()).isEqualTo("weather");
    assertThat(call.arguments()).isEqualTo("{\"city\": \"Oslo\"}");
    ChatResponse answer =
        model.chat(asked(message, ToolExecutionResultMessage.from(call, "rain")).build());
    assertThat(answer.aiMessage().text()).isEqualTo(ANSWER);
    assertThat(answer.aiMessage().hasToolExecutionRequests()).isFalse();
  }

  @Test
  void langchainStreamsReasoningAndCalls() throws Exception {
    server.recite("<think>\nLet me see.\n</think>\n" + CALL + SECOND);
    OpenAiStreamingChatModel model =
        OpenAiStreamingChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("krait-tiny")
            .returnThinking(true)
            .build();
    CompletableFuture<ChatResponse> end = new CompletableFuture<>();
    StringBuilder pieces = new StringBuilder();
    model.chat(
        asked().build(),
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialToolCall(PartialToolCall part) {
            pieces.append(part.partialArguments());
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            end.complete(response);
          }

          @Override
          public void onError(Throwable failure) {
            end.completeExceptionally(failure);
          }
        });
    AiMessage message = end.get().aiMessage();
    assertThat(message.thinking()).isEqualTo("Let me see.");
    assertThat(message.toolExecutionRequests())
        .extracting(ToolExecutionRequest::arguments)
        .containsExactly("{\"city\": \"Oslo\"}", "{\"city\": \"Rome\"}");
    assertThat(pieces).hasToString("{\"city\": \"Oslo\"}{\"city\": \"Rome\"}");
  }
}
