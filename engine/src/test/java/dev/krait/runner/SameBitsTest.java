package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A token's logits and a sequence's states do not depend, in any bit, on how the tokens were
/// grouped into steps.
@Tag("slow")
class SameBitsTest {
  private static final int[] CHUNKS = {1, 2, 3, 7, 16, 64};

  static Stream<Arguments> cases() {
    return Stream.of(
            "llama-gqa-rope3",
            "mistral-window",
            "mil1-50-split",
            "m1-25-fused-sharded",
            "mil2-25",
            "mil2-50-n128",
            "mamba1-hf",
            "mamba2-hf-g2",
            "granite-hybrid-moe",
            "jamba",
            "nemotron3-latent",
            "lfm2-moe",
            "qwen3-next",
            "qwen3.5",
            "olmo-hybrid",
            "kimi-linear",
            "falcon-h1",
            "zamba2")
        .flatMap(name -> TestBackends.names().stream().map(backend -> Arguments.of(name, backend)));
  }

  private static SteppedModel open(String name, Backend backend) {
    return new SteppedModel(GoldenModel.open(name).folder(), backend, 16, 192, 192);
  }

  private static List<float[]> states(SteppedModel bench, FlatMemory memory) {
    List<float[]> states = new ArrayList<>();
    for (LayerCache cache : bench.caches()) {
      if (cache instanceof StateCache state) {
        float[] all = TestBackends.content(state.state());
        int slots = all.length / 16;
        states.add(
            Arrays.copyOfRange(all, memory.stateSlot() * slots, (memory.stateSlot() + 1) * slots));
      }
    }
    return states;
  }

  private static void assertSame(List<float[]> actual, List<float[]> expected, String what) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i)).as(what + " " + i).isEqualTo(expected.get(i));
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void anyChunkSizeOfThePrompt(String name, String backendName) {
    int[] ids = GoldenModel.open(name).promptIds("len130");
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = open(name, backend)) {
      FlatMemory whole = bench.memory(0);
      List<float[]> expected = bench.chunk(whole, ids, 0, ids.length);
      List<float[]> expectedStates = states(bench, whole);
      for (int chunk : CHUNKS) {
        FlatMemory memory = bench.memory(1);
        List<float[]> actual = new ArrayList<>();
        for (int from = 0; from < ids.length; from += chunk) {
          int count = Math.min(chunk, ids.length - from);
          actual.addAll(bench.chunk(memory, ids, from, count));
        }
        assertSame(actual, expected, "logits, chunks of " + chunk);
        assertSame(states(bench, memory), expectedStates, "state, chunks of " + chunk);
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void anyAcceptedCountOverRepeatedVerifies(String name, String backendName) {
    int[] ids = GoldenModel.open(name).promptIds("len130");
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = open(name, backend)) {
      FlatMemory whole = bench.memory(0);
      List<float[]> expected = bench.chunk(whole, ids, 0, ids.length);
      List<float[]> expectedStates = states(bench, whole);
      for (int prompt = 0; prompt <= 20; prompt++) {
        verifyToTheEnd(bench, ids, prompt, expected, expectedStates);
      }
    }
  }

  /// Prefills `prompt` tokens, then verifies spans with right and wrong drafts, accepting some, to
  /// the end of the ids.
  private static void verifyToTheEnd(
      SteppedModel bench,
      int[] ids,
      int prompt,
      List<float[]> expected,
      List<float[]> expectedStates) {
    Random random = new Random(prompt);
    FlatMemory memory = bench.memory(2 + prompt % 3);
    if (prompt > 0) {
      bench.chunk(memory, ids, 0, prompt);
    }
    int from = prompt;
    while (from < ids.length) {
      int span = Math.min(1 + random.nextInt(SteppedModel.WINDOW), ids.length - from);
      int accepted = 1 + random.nextInt(span);
      int[] shown = ids.clone();
      for (int j = from + accepted; j < from + span; j++) {
        shown[j] = (ids[j] + 1 + random.nextInt(200)) % 300;
      }
      List<float[]> logits = bench.verify(memory, shown, from, span, accepted);
      String what = "prompt " + prompt + ", span " + span + " at " + from;
      assertSame(logits.subList(0, accepted), expected.subList(from, from + accepted), what);
      from += accepted;
      if (random.nextInt(4) == 0) {
        bench.flush(memory);
      }
    }
    bench.flush(memory);
    assertSame(states(bench, memory), expectedStates, "flushed state, prompt " + prompt);
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void heldTokensAreReplayedAndNotWritten(String name, String backendName) {
    int[] ids = GoldenModel.open(name).promptIds("len64");
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = open(name, backend)) {
      List<float[]> expected = bench.chunk(bench.memory(0), ids, 0, 16);
      FlatMemory memory = bench.memory(1);
      bench.chunk(memory, ids, 0, 10);
      List<float[]> before = states(bench, memory);
      for (int held = 0; held < 6; held++) {
        bench.pass.begin();
        int row = bench.pass.add(memory, 10 + held, 1, 0, 0, held);
        bench.pass.setToken(row, ids[10 + held]);
        bench.pass.requestLogits(row);
        bench.pass.execute();
        assertThat(bench.pass.logits(0).clone())
            .as("held %d", held)
            .isEqualTo(expected.get(10 + held));
        assertSame(states(bench, memory), before, "state while holding " + held);
      }
    }
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void aloneOrWithFifteenOthers(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    int[] ids = golden.promptIds("len130");
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = open(name, backend)) {
      List<float[]> expected = bench.chunk(bench.memory(15), ids, 0, 40);
      List<FlatMemory> memories = new ArrayList<>();
      for (int s = 0; s < 16; s++) {
        memories.add(bench.memory(s));
      }
      int[] done = new int[16];
      Random random = new Random(1);
      while (done[15] < 40) {
        bench.pass.begin();
        int[] rows = new int[16];
        int[] counts = new int[16];
        for (int s = 0; s < 16; s++) {
          counts[s] = Math.min(1 + random.nextInt(s % 4 == 0 ? 1 : 7), 40 - done[s]);
          if (counts[s] > 0) {
            memories.get(s).reserve(counts[s], 0);
            rows[s] = bench.pass.add(memories.get(s), done[s], counts[s], counts[s], 0, 0);
          }
          for (int j = 0; j < counts[s]; j++) {
            bench.pass.setToken(rows[s] + j, ids[(done[s] + j + (s == 15 ? 0 : s)) % ids.length]);
          }
        }
        for (int j = 0; j < counts[15]; j++) {
          bench.pass.requestLogits(rows[15] + j);
        }
        bench.pass.execute();
        for (int j = 0; j < counts[15]; j++) {
          assertThat(bench.pass.logits(j).clone())
              .as("position %d", done[15] + j)
              .isEqualTo(expected.get(done[15] + j));
        }
        for (int s = 0; s < 16; s++) {
          done[s] += counts[s];
        }
      }
    }
  }
}
