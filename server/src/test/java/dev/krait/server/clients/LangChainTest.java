package dev.krait.server.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.server.KraitServer;
import dev.krait.server.testing.ShippedServer;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// LangChain4j, against the shipped model.
@Tag("slow")
class LangChainTest {
  private static KraitServer server;

  @BeforeAll
  static void start() {
    server = ShippedServer.start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static String url() {
    return "http://127.0.0.1:" + server.port() + "/v1";
  }

  private static OpenAiChatModel.OpenAiChatModelBuilder model() {
    return OpenAiChatModel.builder()
        .baseUrl(url())
        .apiKey("any")
        .modelName("krait-tiny")
        .temperature(0.0)
        .maxTokens(8)
        .maxRetries(0);
  }

  private static List<dev.langchain4j.data.message.ChatMessage> question() {
    return List.of(UserMessage.from("Tell me a story about a snake."));
  }

  @Test
  void chats() {
    ChatResponse response = model().build().chat(question());
    assertThat(response.aiMessage().text()).isNotBlank();
    assertThat(response.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(8);
  }

  @Test
  void stopsAtAStopString() {
    String whole = model().build().chat(question()).aiMessage().text();
    String word = whole.substring(whole.indexOf(' ') + 1, whole.indexOf(' ') + 4);
    ChatResponse stopped = model().stop(List.of(word)).build().chat(question());
    assertThat(stopped.aiMessage().text()).isEqualTo(whole.substring(0, whole.indexOf(word)));
    assertThat(stopped.finishReason()).isEqualTo(FinishReason.STOP);
  }

  @Test
  void streamsWithUsage() throws Exception {
    OpenAiStreamingChatModel streaming =
        OpenAiStreamingChatModel.builder()
            .baseUrl(url())
            .apiKey("any")
            .modelName("krait-tiny")
            .temperature(0.0)
            .maxTokens(8)
            .build();
    StringBuilder text = new StringBuilder();
    CompletableFuture<ChatResponse> end = new CompletableFuture<>();
    streaming.chat(
        question(),
        new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String part) {
            text.append(part);
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
    ChatResponse response = end.get();
    assertThat(text).hasToString(model().build().chat(question()).aiMessage().text());
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(8);
  }

  @Test
  void readsErrors() {
    assertThatThrownBy(() -> model().temperature(-1.0).build().chat(question()))
        .isInstanceOf(InvalidRequestException.class);
    assertThatThrownBy(() -> model().modelName("gpt").build().chat(question()))
        .isInstanceOf(ModelNotFoundException.class);
  }
}
