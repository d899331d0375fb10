package dev.krait.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.generation.GenerationStats;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import dev.krait.testing.InMemoryEngine;
import dev.krait.testing.ScriptedRunner;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextStreamTest {
  private static Tokenizer tokenizer;

  @BeforeAll
  static void open() {
    tokenizer = Tokenizer.open(TestServer.modelFolder());
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  private static List<TextChunk> read(String recited, StopRequest stop, boolean skipSpecial) {
    int[] ids = tokenizer.encode(recited, false);
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(tokenizer.vocabSize())
            .runner(_ -> new ScriptedRunner(8, ScriptedRunner.saying(ids)))
            .build()) {
      engine.start();
      ServedModel model = TestServer.served(tokenizer);
      GenerationService service =
          new GenerationService(
              model, engine.handle(), new Admission(1), GenerationListener.none(), () -> 1);
      PromptRequest request =
          new PromptRequest(
              "test",
              Optional.empty(),
              List.of(new Prompt.Text("a", true)),
              1,
              SamplingRequest.defaults(),
              stop,
              new OutputOptions(-1, -1, false, skipSpecial),
              OptionalInt.empty(),
              0,
              Optional.empty());
      List<TextChunk> chunks = new ArrayList<>();
      try (Generation generation = service.start(request)) {
        do {
          chunks.add(generation.parts().getFirst().stream().next());
        } while (chunks.getLast().finish().isEmpty());
      }
      return chunks;
    }
  }

  private static String text(List<TextChunk> chunks) {
    StringBuilder text = new StringBuilder();
    chunks.forEach(chunk -> text.append(chunk.text()));
    return text.toString();
  }

  private static StopRequest stop(int maxTokens, boolean ignoreEnd, String... strings) {
    return new StopRequest(
        OptionalInt.of(maxTokens), 0, List.of(strings), false, TokenIds.empty(), ignoreEnd);
  }

  @Test
  void endTokensLeaveNoText() {
    List<TextChunk> chunks = read("A snake.<|end|>", stop(30, false), false);
    assertThat(text(chunks)).isEqualTo("A snake.");
    assertThat(chunks.getLast().finish()).contains(Finish.endToken());
  }

  @Test
  void specialTokensLeaveTextOnlyWhenKept() {
    int tokens = tokenizer.encode("A<|user|>b", false).length;
    assertThat(text(read("A<|user|>b", stop(tokens, true), true))).isEqualTo("Ab");
    assertThat(text(read("A<|user|>b", stop(tokens, true), false))).isEqualTo("A<|user|>b");
  }

  @Test
  void neverBreaksACharacter() {
    String recited = "snakes \uD83D\uDC0D and \u4E16\u754C.";
    int tokens = tokenizer.encode(recited, false).length;
    List<TextChunk> chunks = read(recited, stop(tokens, true), true);
    assertThat(text(chunks)).isEqualTo(recited);
    assertThat(chunks).allSatisfy(chunk -> assertThat(chunk.text()).doesNotContain("\uFFFD"));
  }

  @Test
  void findsAStopStringAcrossTokens() {
    List<TextChunk> chunks = read("one two three four", stop(30, true, "wo thr"), true);
    assertThat(text(chunks)).isEqualTo("one t");
    assertThat(chunks.getLast().finish()).contains(Finish.stopString("wo thr"));
  }

  @Test
  void givesOutWhatOnlyLookedLikeAStopString() {
    int tokens = tokenizer.encode("one two thr", false).length;
    List<TextChunk> chunks = read("one two thr", stop(tokens, true, "three"), true);
    assertThat(text(chunks)).isEqualTo("one two thr");
    assertThat(chunks.getLast().finish()).contains(Finish.length());
  }

  @ParameterizedTest
  @CsvSource({
    "one<|end|>two, <|end|>, one",
    "one<|end|>two, e<|end|>t, on",
    "one<|end|>two, nobody<|end|>, onetwo",
    "one<|end|>two, etw, on",
  })
  void aStopStringSeesTheTokensThatAreLeftOutOfTheText(String recited, String stop, String text) {
    int tokens = tokenizer.encode(recited, false).length;
    assertThat(text(read(recited, stop(tokens, true, stop), true))).isEqualTo(text);
  }

  /// Hears how sequences end.
  private record Outcomes(List<String> ended, List<Integer> longest) implements GenerationListener {
    @Override
    public void accepted(PromptRequest request, int maxTokens) {}

    @Override
    public void firstTokens(long nanosSinceArrival) {}

    @Override
    public void furtherTokens(long nanosSinceLast) {}

    @Override
    public void finished(String outcome, SamplingParams sampling, GenerationStats stats) {
      ended.add(outcome);
    }

    @Override
    public void promptFinished(int maxGeneratedTokens) {
      longest.add(maxGeneratedTokens);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void everySequenceHasOneOutcomeHoweverFarItWasRead(int read) {
    Outcomes outcomes = new Outcomes(new ArrayList<>(), new ArrayList<>());
    int[] ids = tokenizer.encode("one two three", false);
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(tokenizer.vocabSize())
            .runner(_ -> new ScriptedRunner(8, ScriptedRunner.saying(ids)))
            .build()) {
      engine.start();
      GenerationService service =
          new GenerationService(
              TestServer.served(tokenizer), engine.handle(), new Admission(3), outcomes, () -> 1);
      PromptRequest request =
          new PromptRequest(
              "test",
              Optional.empty(),
              List.of(new Prompt.Text("a", true)),
              3,
              SamplingRequest.defaults(),
              stop(ids.length, true),
              OutputOptions.textOnly(),
              OptionalInt.empty(),
              0,
              Optional.empty());
      try (Generation generation = service.start(request)) {
        for (Generation.Part part : generation.parts().subList(0, read)) {
          boolean more = true;
          while (more) {
            more = part.stream().next().finish().isEmpty();
          }
        }
      }
      assertThat(outcomes.ended()).hasSize(3).allMatch(outcome -> outcome.matches("length|abort"));
      assertThat(outcomes.ended().subList(0, read)).allMatch("length"::equals);
      assertThat(outcomes.longest()).hasSize(1);
    }
  }

  @Test
  void anAnswerThatNobodyReadsHoldsNoPlace() {
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(tokenizer.vocabSize())
            .runner(_ -> new ScriptedRunner(8, ScriptedRunner.saying(5, 6)))
            .build()) {
      engine.start();
      Admission door = new Admission(1);
      GenerationService service =
          new GenerationService(
              TestServer.served(tokenizer),
              engine.handle(),
              door,
              GenerationListener.none(),
              () -> 1);
      try (Generation unread = service.start(request("a", stop(2, true)))) {
        Waiting.until(() -> admits(door));
        assertThat(door.requests()).isEqualTo(1);
        assertThat(unread.parts().getFirst().stream().next().ids().size()).isPositive();
      }
      assertThat(door.requests()).isZero();
    }
  }

  private static boolean admits(Admission door) {
    try (Admission.Ticket _ = door.admit(Admission.Client.nobody(), 1)) {
      return true;
    } catch (EngineException _) {
      return false;
    }
  }

  private static PromptRequest request(String id, StopRequest stop) {
    return new PromptRequest(
        id,
        Optional.empty(),
        List.of(new Prompt.Text("a", true)),
        1,
        SamplingRequest.defaults(),
        stop,
        OutputOptions.textOnly(),
        OptionalInt.empty(),
        0,
        Optional.empty());
  }

  @Test
  void aRequestIsNamedByAtMost256PrintableCharacters() {
    StopRequest stop = stop(2, true);
    assertThat(request("a".repeat(256), stop).id()).hasSize(256);
    for (String id : List.of("", " ", "a".repeat(257), "a\nb", "a\u001bb", "\u00e9", "a\u2028")) {
      assertThatThrownBy(() -> request(id, stop))
          .isInstanceOf(EngineException.class)
          .hasMessageStartingWith("request_id: ")
          .hasMessageContaining("(expected: 1 to 256 characters of printable ASCII)");
    }
  }

  /// The answer to a prompt as a stream and as a whole.
  private static List<String> answers(Tokenizer words, Prompt prompt, int[] ids, boolean echo) {
    List<String> texts = new ArrayList<>();
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(words.vocabSize())
            .runner(_ -> new ScriptedRunner(8, ScriptedRunner.saying(ids)))
            .build()) {
      engine.start();
      GenerationService service =
          new GenerationService(
              TestServer.served(words),
              engine.handle(),
              new Admission(1),
              GenerationListener.none(),
              () -> 1);
      PromptRequest request =
          new PromptRequest(
              "test",
              Optional.empty(),
              List.of(prompt),
              1,
              SamplingRequest.defaults(),
              stop(ids.length, true),
              new OutputOptions(-1, -1, echo, true),
              OptionalInt.empty(),
              0,
              Optional.empty());
      for (boolean whole : new boolean[] {false, true}) {
        try (Generation generation = service.start(request)) {
          Generation.Part part = generation.parts().getFirst();
          StringBuilder text = new StringBuilder();
          boolean more = true;
          while (more) {
            TextChunk chunk = part.stream().next();
            text.append(chunk.text());
            more = chunk.finish().isEmpty();
          }
          String streamed = text.toString();
          texts.add(part.echo() + (whole ? part.stream().wholeText(streamed) : streamed));
        }
      }
    }
    return texts;
  }

  @Test
  void anAnswerThatRepeatsItsPromptKeepsTheSpaceBetweenThem() {
    Path folder =
        TestServer.repository().resolve("engine/src/test/resources/tokenizers/mistral-window");
    try (Tokenizer words = Tokenizer.open(folder)) {
      int[] prompt = words.encode("hello", true);
      int[] more = words.encode("of it", false);
      assertThat(words.tokenText(more[0])).startsWith(" ");
      Prompt text = new Prompt.Text("hello", true);
      Prompt ids = new Prompt.Ids(TokenIds.of(prompt));
      assertThat(answers(words, text, more, true)).containsOnly("hello of it");
      assertThat(answers(words, ids, more, true)).containsOnly("hello of it");
      assertThat(answers(words, text, more, false)).containsOnly("of it");
      assertThat(answers(words, ids, more, false)).containsOnly("of it");
    }
  }

  @Test
  void logprobsAreLeftOutUnlessAskedFor() {
    List<TokenLogprobs> none =
        read("one", stop(1, true), true).stream().flatMap(c -> c.logprobs().stream()).toList();
    assertThat(none).isEmpty();
  }

  @Test
  void anErrorInTheMiddleOfARequestReturnsItsPlacesAndCancelsItsSequences() {
    try (InMemoryEngine engine =
        InMemoryEngine.builder()
            .vocabSize(tokenizer.vocabSize())
            .runner(_ -> new ScriptedRunner(8, ScriptedRunner.saying(new int[] {9})))
            .build()) {
      Admission door = new Admission(4);
      GenerationService service =
          new GenerationService(
              TestServer.served(tokenizer), engine.handle(), door, new Failing(), () -> 1);
      PromptRequest request =
          new PromptRequest(
              "test",
              Optional.empty(),
              List.of(new Prompt.Text("a", true)),
              4,
              SamplingRequest.defaults(),
              stop(30, true),
              new OutputOptions(-1, -1, false, true),
              OptionalInt.empty(),
              0,
              Optional.empty());
      assertThatThrownBy(() -> service.start(request)).isInstanceOf(StackOverflowError.class);
      assertThat(door.requests()).isZero();
      assertThat(engine.handle().status().waiting()).isEqualTo(4);
      engine.step();
      assertThat(engine.handle().status().waiting()).as("cancelled").isZero();
      door.admit(Admission.Client.nobody(), 4).close();
    }
  }

  /// Fails where nobody expects it.
  private static final class Failing implements GenerationListener {
    @Override
    public void accepted(PromptRequest request, int maxTokens) {
      throw new StackOverflowError("planted");
    }

    @Override
    public void firstTokens(long nanosSinceArrival) {}

    @Override
    public void furtherTokens(long nanosSinceLast) {}

    @Override
    public void finished(String outcome, SamplingParams sampling, GenerationStats stats) {}

    @Override
    public void promptFinished(int maxGeneratedTokens) {}
  }

  @Test
  void stopStringsAreLimitedInNumberAndBytes() {
    assertThatThrownBy(() -> stop(1, false, "a".repeat(4000), "\u00e9".repeat(49)))
        .isInstanceOf(EngineException.class)
        .hasMessage("stop: 4098 bytes in all strings (expected: at most 4096)");
    assertThatThrownBy(() -> stop(1, false, "a,".repeat(65).split(",", -1)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("at most 64");
    assertThat(stop(1, false, "a".repeat(4096)).strings()).hasSize(1);
  }
}
