package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import dev.krait.testing.GoldenModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Sessions of an engine: what is restored or forked goes on as if it had never stopped.
@Tag("slow")
class SessionsTest {
  private static final int REPLY = 20;

  @TempDir private Path folder;

  private static Engine open(String target, String draft, boolean prefixCaching) {
    return Engine.open(
        EngineConfig.of(
            GoldenModel.folder(target),
            set -> {
              set.threads = OptionalInt.of(2);
              set.maxSequences = 8;
              set.maxModelTokens = OptionalInt.of(256);
              set.prefixCaching = prefixCaching;
              if (!draft.isEmpty()) {
                set.speculation = SpeculationMode.DRAFT;
                set.draftFolder = Optional.of(GoldenModel.folder(draft));
                set.draftTokens = OptionalInt.of(3);
              }
            }));
  }

  private record Answer(List<Integer> ids, List<TokenLogprobs> logprobs, int cachedTokens) {}

  private static TokenStream submit(Engine engine, int[] prompt, String session, int seed) {
    SamplingParams sampling =
        SamplingParams.of(set -> {
          set.temperature = seed == 0 ? 0 : 0.8f;
          set.seed = seed;
          set.logprobs = 3;
        });
    StopConditions stop = new StopConditions(REPLY, 0, TokenIds.empty());
    return engine
        .handle()
        .submit(
            GenerationRequest.of(
                "r",
                TokenIds.of(prompt),
                sampling,
                stop,
                set -> set.session = session.isEmpty() ? null : session));
  }

  private static Answer read(TokenStream stream) {
    List<Integer> ids = new ArrayList<>();
    List<TokenLogprobs> logprobs = new ArrayList<>();
    while (true) {
      GenerationEvent event = stream.next();
      if (event instanceof GenerationEvent.Tokens tokens) {
        Arrays.stream(tokens.ids().toArray()).forEach(ids::add);
        logprobs.addAll(tokens.logprobs());
      } else if (event instanceof Finished finished) {
        return new Answer(ids, logprobs, finished.stats().cachedTokens());
      }
    }
  }

  private static Answer turn(Engine engine, int[] prompt, String session) {
    return read(submit(engine, prompt, session, 0));
  }

  private static int[] prompt(String target) {
    return Arrays.copyOf(GoldenModel.open(target).promptIds("len130"), 90);
  }

  /// The conversation so far and what the user says then.
  private static int[] next(int[] prompt, Answer answer) {
    int[] next = Arrays.copyOf(prompt, prompt.length + answer.ids().size() + 70);
    for (int i = 0; i < answer.ids().size(); i++) {
      next[prompt.length + i] = answer.ids().get(i);
    }
    System.arraycopy(prompt, 9, next, next.length - 70, 70);
    return next;
  }

  private static void assertSame(Answer actual, Answer expected, String what) {
    assertThat(actual.ids()).as(what).isEqualTo(expected.ids());
    assertThat(actual.logprobs())
        .as(what)
        .usingRecursiveComparison()
        .isEqualTo(expected.logprobs());
  }

  @ParameterizedTest(name = "{0} with {1}")
  @CsvSource({
    "llama-gqa-rope3, ''",
    "llama-gqa-rope3, mil1-50-split",
    "mil1-50-split, mil2-25",
    "mil2-25, llama-gqa-rope3",
    "mamba1-hf, ''",
    "mamba2-hf-g2, mamba2-hf-g2",
    "lfm2-moe, ''",
    "qwen3.5, ''",
    "kimi-linear, ''",
    "falcon-h1, ''",
    "zamba2, ''"
  })
  void whatIsRestoredGoesOnAsIfItHadNeverStopped(String target, String draft) {
    Path file = folder.resolve("a.session");
    int[] first = prompt(target);
    int[] second;
    Answer expected;
    int held;
    try (Engine engine = open(target, draft, true)) {
      engine.sessions().open("a");
      second = next(first, turn(engine, first, "a"));
      held = engine.sessions().save("a", file).tokens();
      assertThat(held).isEqualTo(engine.sessions().get("a").tokens()).isGreaterThanOrEqualTo(80);
      expected = turn(engine, second, "a");
    }
    try (Engine cold = open(target, draft, false)) {
      assertSame(expected, turn(cold, second, ""), "never stopped, and cold");
    }
    try (Engine engine = open(target, draft, true)) {
      SessionInfo restored = engine.sessions().restore("b", file);
      assertThat(restored.tokens()).isEqualTo(held);
      Answer answer = turn(engine, second, "b");
      assertSame(answer, expected, "restored");
      assertThat(answer.cachedTokens()).isEqualTo(held);
      SessionInfo later = engine.sessions().get("b");
      assertThat(later.tokens()).isGreaterThan(held);
      assertThat(later.bytes()).isGreaterThanOrEqualTo(restored.bytes());
    }
  }

  @ParameterizedTest
  @CsvSource({"mil1-50-split, mil2-25", "llama-gqa-rope3, ''", "mamba2-hf-g2, ''"})
  void eightForksAreEightColdRuns(String target, String draft) {
    int[] first = prompt(target);
    try (Engine engine = open(target, draft, true);
        Engine cold = open(target, draft, false)) {
      engine.sessions().open("a");
      int[] second = next(first, turn(engine, first, "a"));
      List<TokenStream> forks = new ArrayList<>();
      for (int i = 1; i <= 8; i++) {
        engine.sessions().fork("a", "a" + i);
      }
      for (int i = 1; i <= 8; i++) {
        forks.add(submit(engine, second, "a" + i, i));
      }
      for (int i = 1; i <= 8; i++) {
        Answer answer = read(forks.get(i - 1));
        assertSame(answer, read(submit(cold, second, "", i)), "fork " + i);
        assertThat(answer.cachedTokens()).isGreaterThanOrEqualTo(80);
      }
      assertThat(engine.sessions().list("a"))
          .extracting(SessionInfo::name)
          .containsExactly("a", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8");
    }
  }

  @Test
  void whatIsHeldOutlivesOtherPrompts() {
    int[] first = prompt("mil1-50-split");
    try (Engine engine = open("mil1-50-split", "", true)) {
      engine.sessions().open("a");
      int[] second = next(first, turn(engine, first, "a"));
      for (int i = 0; i < 60; i++) {
        int[] other = first.clone();
        other[0] = 100 + i;
        turn(engine, other, "");
      }
      assertThat(turn(engine, second, "a").cachedTokens()).isGreaterThanOrEqualTo(80);
    }
  }

  @Test
  void aSessionThatCannotBeRestoredIsRefusedAndNothingElseBreaks() throws IOException {
    Path file = folder.resolve("a.session");
    int[] first = prompt("mil1-50-split");
    try (Engine engine = open("mil1-50-split", "", true)) {
      engine.sessions().open("a");
      assertThatThrownBy(() -> engine.sessions().save("a", file))
          .hasMessageContaining("the session holds nothing, or not any more");
      turn(engine, first, "a");
      engine.sessions().save("a", file);
      byte[] whole = Files.readAllBytes(file);
      whole[whole.length / 2] ^= 8;
      Path damaged = Files.write(folder.resolve("damaged.session"), whole);
      assertThatThrownBy(() -> engine.sessions().restore("b", damaged))
          .hasMessageContaining("damaged.session: damaged")
          .hasMessageContaining("(expected: ");
      assertThatThrownBy(() -> engine.sessions().get("b")).hasMessageContaining("no such session");
      assertThat(turn(engine, first, "a").cachedTokens()).isEqualTo(80);
    }
    try (Engine other = open("mil1-25-split-zephyr", "", true)) {
      assertThatThrownBy(() -> other.sessions().restore("a", file))
          .hasMessageContaining("saved with weights sha256:")
          .hasMessageContaining("as served)");
      assertThat(other.sessions().list("")).isEmpty();
    }
  }

  @Test
  void namesAreMadeListedAndDeletedWithinTheLimits() {
    EngineConfig few =
        EngineConfig.of(
            GoldenModel.folder("mil2-0"),
            set -> {
              set.threads = OptionalInt.of(1);
              set.sessions = new SessionLimits(2, OptionalLong.empty());
            });
    try (Engine engine = Engine.open(few)) {
      Sessions sessions = engine.sessions();
      assertThat(sessions.open("x/a")).isTrue();
      assertThat(sessions.open("x/a")).isFalse();
      assertThat(sessions.open("y/a")).isTrue();
      assertThatThrownBy(() -> sessions.open("x/b"))
          .hasMessageContaining("sessions: 2 (expected: fewer than max-sessions 2; delete one)");
      assertThat(sessions.list("x/")).extracting(SessionInfo::name).containsExactly("x/a");
      assertThatThrownBy(() -> sessions.fork("x/a", "y/a")).hasMessageContaining("exists");
      assertThat(sessions.exists("x/a")).isTrue();
      sessions.delete("x/a");
      assertThat(sessions.exists("x/a")).isFalse();
      assertThatThrownBy(() -> sessions.delete("x/a")).hasMessageContaining("no such session");
    }
    try (Engine engine = open("mil2-0", "", false)) {
      assertThatThrownBy(() -> engine.sessions().open("a"))
          .hasMessageContaining(
              "no prefixes are kept (expected: a server with --prefix-caching on)");
    }
  }
}
