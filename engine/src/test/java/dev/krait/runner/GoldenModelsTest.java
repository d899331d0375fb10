package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.backend.NumericMode;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every fixture on every backend against what independent code computed.
class GoldenModelsTest {
  /// Weights and operands have 8 bits, so that each is off by up to 0.4 %. Where that flips the
  /// choice of an expert or a norm amplifies it, the fixture says how far all logits may be off.
  private static final double BF16 = 3e-2;

  static Stream<Arguments> cases() {
    return on(Stream.concat(TestBackends.names().stream(), Stream.of("reference:bf16")).toList());
  }

  /// Where rounding does not decide between tokens.
  static Stream<Arguments> exactCases() {
    return on(TestBackends.names().stream().filter(backend -> !backend.endsWith(":bf16")).toList());
  }

  private static Stream<Arguments> on(List<String> backends) {
    return GoldenModel.names().stream()
        .flatMap(name -> backends.stream().map(backend -> Arguments.of(name, backend)));
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void logitsMatchAtEveryPosition(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = new SteppedModel(golden.folder(), backend, 2, 256, 192)) {
      List<float[]> actual = new ArrayList<>();
      List<float[]> expected = new ArrayList<>();
      for (String prompt : golden.prompts()) {
        int[] ids = golden.promptIds(prompt);
        List<float[]> logits = bench.chunk(bench.memory(0), ids, 0, ids.length);
        expected.add(golden.values("logits." + prompt));
        int[] positions = golden.positions(prompt);
        int rows = expected.getLast().length / positions.length;
        float[] own = new float[expected.getLast().length];
        for (int i = 0; i < positions.length; i++) {
          System.arraycopy(logits.get(positions[i]), 0, own, i * rows, rows);
        }
        actual.add(own);
      }
      if (backend.numericMode() == NumericMode.EXACT) {
        for (int i = 0; i < actual.size(); i++) {
          assertThat(GoldenModel.relativeError(actual.get(i), expected.get(i)))
              .as("relative error of logits.%s of %s", golden.prompts().get(i), name)
              .isLessThan(1e-4);
        }
      } else {
        assertThat(GoldenModel.relativeError(joined(actual), joined(expected)))
            .as("relative error of all logits of %s", name)
            .isLessThan(Math.max(BF16, golden.bf16Tolerance()));
      }
    }
  }

  private static float[] joined(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int to = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, to, part.length);
      to += part.length;
    }
    return all;
  }

  @ParameterizedTest(name = "{0} on {1}", allowZeroInvocations = true)
  @MethodSource("exactCases")
  void greedyTokensFollow(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = new SteppedModel(golden.folder(), backend, 2, 256, 192)) {
      int vocab = bench.model.spec().vocabSize();
      for (String prompt : golden.prompts()) {
        int[] ids = golden.promptIds(prompt);
        FlatMemory memory = bench.memory(1);
        float[] last = bench.chunk(memory, ids, 0, ids.length).getLast();
        int[] expected = golden.greedyIds(prompt);
        int[] actual = new int[expected.length];
        for (int i = 0; i < expected.length; i++) {
          actual[i] = argMax(last, vocab);
          last = bench.chunk(memory, actual, i, 1).getLast();
        }
        assertThat(actual).as("greedy %s of %s", prompt, name).containsExactly(expected);
      }
    }
  }

  private static int argMax(float[] logits, int vocab) {
    int best = 0;
    for (int i = 1; i < vocab; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
