package dev.krait;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.reply.Reply.ToolCall;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.service.Finish;
import dev.krait.service.SchemaJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.Flow.Subscription;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The library, with the shipped model.
class KraitTest {
  private static final Path MODELS =
      Path.of(System.getProperty("krait.repo", ".."), "models").toAbsolutePath();
  private static final String QUESTION = "What is the moon?";
  private static final String TOOLS =
      """
      {%- for tool in tools or [] %}{{ tool | tojson }}<tool_call>
      {% endfor %}{%- for message in messages %}<|{{ message.role if message.role != 'tool' else 'user' }}|>
      {{ message.content }}{{ (message.tool_calls or []) | tojson }}<|end|>
      {% endfor %}<|assistant|>
      """;

  private static Krait krait;

  @BeforeAll
  static void open() {
    krait = Krait.open(MODELS.resolve("krait-tiny"));
  }

  @AfterAll
  static void close() {
    krait.close();
  }

  private static Chat chat(int maxTokens) {
    return Chat.builder()
        .user(QUESTION)
        .options(set -> set.temperature(0).maxTokens(maxTokens))
        .build();
  }

  @Test
  void aChatAnswersAndCounts() {
    Answer answer = krait.chat(chat(12));
    assertThat(answer.text()).startsWith("The moon is a celestial body that orbits");
    assertThat(answer.finish()).isEqualTo(Finish.length());
    assertThat(answer.usage().completionTokens()).isEqualTo(12);
    assertThat(answer.usage().promptTokens()).isGreaterThan(krait.countTokens(QUESTION));
    assertThat(answer.reasoning()).isEmpty();
  }

  @Test
  void anAnswerEndsAtTheModelsOwnEndToken() {
    Answer answer = krait.chat(Chat.builder().user(QUESTION).options(o -> o.seed(3)).build());
    assertThat(answer.finish()).isEqualTo(Finish.endToken());
    assertThat(answer.text()).doesNotContain("<|end|>").isNotBlank();
  }

  @Test
  void samplingThatIsLeftOutComesFromTheModel(@TempDir Path folder) throws IOException {
    copyModel(folder);
    Files.writeString(
        folder.resolve("generation_config.json"), "{\"do_sample\": true, \"top_k\": 1}");
    try (Krait greedy = Krait.open(folder)) {
      assertThat(greedy.chat(chatWithSeed()).text()).isEqualTo(krait.chat(chat(12)).text());
    }
    assertThat(krait.chat(chatWithSeed()).text()).isNotEqualTo(krait.chat(chat(12)).text());
  }

  private static Chat chatWithSeed() {
    return Chat.builder()
        .user(QUESTION)
        .options(set -> set.temperature(1.5).seed(5).maxTokens(12))
        .build();
  }

  @Test
  void aTextIsContinuedAndStopped() {
    Options options = Options.builder().temperature(0).maxTokens(20).build();
    String whole = krait.complete("Once upon a time", options).text();
    String word = whole.strip().split(" ", -1)[2];
    Answer stopped =
        krait.complete(
            "Once upon a time", Options.builder().temperature(0).stop(List.of(word)).build());
    assertThat(stopped.text()).isEqualTo(whole.substring(0, whole.indexOf(word)));
    assertThat(stopped.finish().stopString()).contains(word);
  }

  @Test
  void anAnswerKeepsToASchema() {
    String schema =
        """
        {"type": "object", "properties": {"animal": {"enum": ["snake", "moon"]}, "legs": {"type": "integer", \
        "minimum": 0, "maximum": 8}}, "required": ["animal", "legs"], "additionalProperties": false}\
        """;
    Answer answer =
        krait.chat(
            Chat.builder().user("Describe a snake.").options(o -> o.jsonSchema(schema)).build());
    Map<?, ?> value = (Map<?, ?>) Objects.requireNonNull(SchemaJson.read("answer", answer.text()));
    assertThat(value.get("animal")).isIn("snake", "moon");
    assertThat(((Number) Objects.requireNonNull(value.get("legs"))).intValue()).isBetween(0, 8);
  }

  @Test
  void aToolIsCalledAndItsResultGoesOn(@TempDir Path folder) throws IOException {
    Path template = Files.writeString(folder.resolve("tools.jinja"), TOOLS);
    Tool weather =
        new Tool(
            "weather",
            "The weather of a city",
            "{\"type\": \"object\", \"properties\": {\"city\": {\"enum\": [\"Paris\"]}}, \"required\": [\"city\"], \"additionalProperties\": false}");
    try (Krait tools = Krait.builder(MODELS.resolve("krait-tiny")).chatTemplate(template).open()) {
      Chat.Builder chat = Chat.builder().user("Weather in Paris?").tool(weather).callSomeTool();
      Answer answer = tools.chat(chat.parallelCalls(false).build());
      assertThat(answer.calls()).hasSize(1);
      ToolCall call = answer.calls().getFirst();
      assertThat(call.name()).isEqualTo("weather");
      assertThat(SchemaJson.read("call", call.arguments())).isEqualTo(Map.of("city", "Paris"));
      Chat further =
          chat.message(Message.of(answer))
              .message(Message.result(call, "Sunny"))
              .callNoTool()
              .options(o -> o.maxTokens(8))
              .build();
      assertThat(tools.chat(further).calls()).isEmpty();
    }
  }

  @Test
  void toolsThatTheTemplateDoesNotShowAreRefused() {
    Chat chat = Chat.builder().user("Hi").tool(new Tool("f", "", "{}")).build();
    assertThatThrownBy(() -> krait.chat(chat))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
        .hasMessageContaining("tools");
    assertThatThrownBy(() -> Chat.builder().user("Hi").callTool("g").build())
        .hasMessageContaining("the tool that is to be called");
  }

  @Test
  void aLoopReadsAStreamOnce() {
    try (AnswerStream stream = krait.stream(chat(12))) {
      StringBuilder text = new StringBuilder();
      int pieces = 0;
      for (ReplyEvent event : stream) {
        text.append(((TextDelta) event).text());
        pieces++;
      }
      assertThat(pieces).isGreaterThan(3);
      assertThat(text.toString()).isEqualTo(krait.chat(chat(12)).text());
      assertThat(stream.answer().text()).isEqualTo(text.toString());
      assertThatThrownBy(stream::iterator).hasMessageContaining("one reader");
    }
  }

  @Test
  void aCancelledStreamSaysSoAndAnEarlyClosedOneEnds() {
    try (AnswerStream stream = krait.stream(chat(500))) {
      Iterator<ReplyEvent> events = stream.iterator();
      assertThat(events.next()).isInstanceOf(TextDelta.class);
      stream.cancel();
      assertThatThrownBy(() -> events.forEachRemaining(_ -> {}))
          .isInstanceOfSatisfying(
              EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED));
    }
    try (AnswerStream stream = krait.stream(chat(500))) {
      assertThat(stream.iterator().hasNext()).isTrue();
    }
    assertThat(krait.chat(chat(4)).usage().completionTokens()).isEqualTo(4);
  }

  /// Takes one event after another.
  private static final class Reader implements Flow.Subscriber<ReplyEvent> {
    private final CompletableFuture<Subscription> subscription = new CompletableFuture<>();
    private final LinkedBlockingQueue<ReplyEvent> events = new LinkedBlockingQueue<>();
    private final CompletableFuture<List<ReplyEvent>> all = new CompletableFuture<>();

    @Override
    public void onSubscribe(Subscription own) {
      subscription.complete(own);
    }

    @Override
    public void onNext(ReplyEvent event) {
      events.add(event);
    }

    @Override
    public void onError(Throwable failure) {
      all.completeExceptionally(failure);
    }

    @Override
    public void onComplete() {
      all.complete(new ArrayList<>(events));
    }
  }

  @Test
  void aSubscriberIsGivenWhatItAsksFor() throws Exception {
    AnswerStream stream = krait.stream(chat(12));
    Reader reader = new Reader();
    stream.subscribe(reader);
    Subscription subscription = reader.subscription.get(1, TimeUnit.MINUTES);
    subscription.request(1);
    assertThat(reader.events.poll(1, TimeUnit.MINUTES)).isInstanceOf(TextDelta.class);
    assertThat(reader.events).isEmpty();
    subscription.request(Long.MAX_VALUE);
    reader.all.get(1, TimeUnit.MINUTES);
    assertThat(stream.answer().text()).isEqualTo(krait.chat(chat(12)).text());

    Reader second = new Reader();
    stream.subscribe(second);
    assertThat(second.all).failsWithin(1, TimeUnit.MINUTES);
  }

  @Test
  void aSubscriberThatCancelsEndsTheGeneration() throws Exception {
    AnswerStream stream = krait.stream(chat(500));
    Reader reader = new Reader();
    stream.subscribe(reader);
    Subscription subscription = reader.subscription.get(1, TimeUnit.MINUTES);
    subscription.request(1);
    assertThat(reader.events.poll(1, TimeUnit.MINUTES)).isNotNull();
    subscription.cancel();
    assertThat(krait.chat(chat(4)).usage().completionTokens()).isEqualTo(4);
  }

  @Test
  void badInputIsRefusedByName(@TempDir Path empty) {
    assertThatThrownBy(() -> Krait.open(empty)).hasMessageContaining("config.json");
    assertThatThrownBy(() -> krait.complete("", Options.defaults())).hasMessageContaining("prompt");
    assertThatThrownBy(() -> krait.complete("a", Options.builder().temperature(-1).build()))
        .hasMessageContaining("temperature");
    assertThatThrownBy(() -> new Tool("f", "", "[]")).hasMessageContaining("parameters of f");
  }

  private static void copyModel(Path folder) throws IOException {
    try (var files = Files.list(MODELS.resolve("krait-tiny"))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Files.delete(folder.resolve("generation_config.json"));
  }
}
