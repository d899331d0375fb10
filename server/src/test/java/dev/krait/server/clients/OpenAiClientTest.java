package dev.krait.server.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIServiceException;
import com.openai.errors.RateLimitException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionChoice;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.completions.CompletionUsage;
import dev.krait.server.KraitServer;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// OpenAI's own Java client, against the shipped model; errors against a model that can be told to
/// fail.
@Tag("slow")
class OpenAiClientTest {
  private static final String MODEL = "krait-tiny";

  private static KraitServer server;
  private static OpenAIClient client;

  @BeforeAll
  static void start() {
    server = ShippedServer.start();
    client = client(server.port(), "any");
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
  }

  private static OpenAIClient client(int port, String key) {
    return OpenAIOkHttpClient.builder()
        .baseUrl("http://127.0.0.1:" + port + "/v1")
        .apiKey(key)
        .maxRetries(0)
        .build();
  }

  private static CompletionCreateParams.Builder completion() {
    return CompletionCreateParams.builder()
        .model(MODEL)
        .prompt("Once upon a time")
        .maxTokens(8)
        .temperature(0.0);
  }

  private static ChatCompletionCreateParams.Builder chat() {
    return ChatCompletionCreateParams.builder()
        .model(MODEL)
        .addUserMessage("Tell me a story about a snake.")
        .maxCompletionTokens(8)
        .temperature(0.0);
  }

  @Test
  void listsTheModel() {
    assertThat(client.models().list().data().getFirst().id()).isEqualTo(MODEL);
    assertThat(client.models().retrieve(MODEL).ownedBy()).isEqualTo("krait");
  }

  @Test
  void completes() {
    Completion answer = client.completions().create(completion().build());
    CompletionChoice choice = answer.choices().getFirst();
    assertThat(choice.text()).startsWith(", there was");
    assertThat(choice.finishReason()).isEqualTo(CompletionChoice.FinishReason.LENGTH);
    CompletionUsage usage = answer.usage().orElseThrow();
    assertThat(usage.completionTokens()).isEqualTo(8);
    assertThat(usage.totalTokens()).isEqualTo(usage.promptTokens() + 8);
    assertThat(usage.completionTokensDetails().orElseThrow().acceptedPredictionTokens())
        .contains(0L);
  }

  @Test
  void completesSeveralTimesWithLogprobsAndStop() {
    Completion answer =
        client
            .completions()
            .create(completion().n(2).logprobs(2).echo(true).stop(" was").maxTokens(20).build());
    assertThat(answer.choices()).hasSize(2);
    for (CompletionChoice choice : answer.choices()) {
      assertThat(choice.text()).isEqualTo("Once upon a time, there");
      assertThat(choice.finishReason()).isEqualTo(CompletionChoice.FinishReason.STOP);
      CompletionChoice.Logprobs logprobs = choice.logprobs().orElseThrow();
      int tokens = logprobs.tokens().orElseThrow().size();
      assertThat(logprobs.textOffset().orElseThrow()).hasSize(tokens);
      assertThat(logprobs.topLogprobs().orElseThrow().size()).isPositive();
    }
  }

  @Test
  void streamsACompletion() {
    try (StreamResponse<Completion> stream =
        client.completions().createStreaming(completion().build())) {
      String text =
          stream.stream()
              .map(chunk -> chunk.choices().getFirst().text())
              .collect(Collectors.joining());
      assertThat(text)
          .isEqualTo(client.completions().create(completion().build()).choices().getFirst().text());
    }
  }

  @Test
  void chats() {
    ChatCompletion answer =
        client.chat().completions().create(chat().logprobs(true).topLogprobs(3).build());
    ChatCompletion.Choice choice = answer.choices().getFirst();
    assertThat(choice.message().content().orElseThrow()).isNotBlank();
    assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.LENGTH);
    var content = choice.logprobs().orElseThrow().content().orElseThrow();
    assertThat(content).hasSize(8);
    assertThat(content.getFirst().topLogprobs()).hasSize(3);
    assertThat(content.getFirst().topLogprobs().getFirst().token())
        .isEqualTo(content.getFirst().token());
  }

  @Test
  void streamsAChatWithUsage() {
    ChatCompletionStreamOptions options =
        ChatCompletionStreamOptions.builder().includeUsage(true).build();
    List<ChatCompletionChunk> chunks;
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(chat().streamOptions(options).build())) {
      chunks = stream.stream().toList();
    }
    String text =
        chunks.stream()
            .flatMap(chunk -> chunk.choices().stream())
            .map(choice -> choice.delta().content().orElse(""))
            .collect(Collectors.joining());
    String whole =
        client
            .chat()
            .completions()
            .create(chat().build())
            .choices()
            .getFirst()
            .message()
            .content()
            .orElseThrow();
    assertThat(text).isEqualTo(whole);
    assertThat(chunks.getLast().choices()).isEmpty();
    assertThat(chunks.getLast().usage().orElseThrow().completionTokens()).isEqualTo(8);
  }

  @Test
  void givesTheSameTextForTheSameSeed() {
    CompletionCreateParams sampled = completion().temperature(1.0).seed(7).maxTokens(20).build();
    String first = client.completions().create(sampled).choices().getFirst().text();
    assertThat(client.completions().create(sampled).choices().getFirst().text()).isEqualTo(first);
  }

  @Test
  void readsErrorsOfEveryKind() {
    assertThatThrownBy(() -> client.completions().create(completion().maxTokens(-1).build()))
        .isInstanceOfSatisfying(
            BadRequestException.class,
            e -> {
              assertThat(e.param()).contains("max_tokens");
              assertThat(e.type()).contains("invalid_request_error");
              assertThat(e.code()).contains("invalid_value");
            });
    assertThatThrownBy(() -> client.completions().create(completion().model("gpt").build()))
        .isInstanceOfSatisfying(
            NotFoundException.class, e -> assertThat(e.code()).contains("model_not_found"));
    assertThatThrownBy(() -> client.completions().create(completion().suffix("end").build()))
        .isInstanceOfSatisfying(
            BadRequestException.class,
            e -> {
              assertThat(e.param()).contains("suffix");
              assertThat(e.code()).contains("unsupported_value");
            });
    assertThatThrownBy(() -> client.models().retrieve("gpt")).isInstanceOf(NotFoundException.class);
  }

  @Test
  void readsErrorsOfAServerInTrouble() {
    try (TestServer troubled = TestServer.start()) {
      OpenAIClient other = client(troubled.server().port(), "any");
      troubled.runner().hold();
      assertThatThrownBy(() -> other.completions().create(completion().n(100).build()))
          .isInstanceOf(RateLimitException.class);
      troubled.runner().release();
      Waiting.until(() ->
          troubled.server().status().waiting() == 0 && troubled.server().status().running() == 0);
      troubled.runner().breakDown();
      assertThatThrownBy(() -> other.completions().create(completion().build()))
          .isInstanceOfSatisfying(
              InternalServerException.class, e -> assertThat(e.statusCode()).isEqualTo(500));
      assertThatThrownBy(() -> other.completions().create(completion().build()))
          .isInstanceOfSatisfying(
              OpenAIServiceException.class, e -> assertThat(e.statusCode()).isEqualTo(503));
      other.close();
    }
  }

  @Test
  void readsThatItsKeyIsWrong() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      OpenAIClient wrong = client(guarded.server().port(), "wrong");
      assertThatThrownBy(() -> wrong.models().list()).isInstanceOf(UnauthorizedException.class);
      OpenAIClient right = client(guarded.server().port(), "secret");
      assertThat(right.models().list().data()).isNotEmpty();
      wrong.close();
      right.close();
    }
  }
}
