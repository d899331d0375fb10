package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.loading.ModelLoader;
import dev.krait.model.Mixer.Attention;
import dev.krait.testing.DamagedModel;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Fixtures whose config.json says the same in other words, which must continue alike.
class OtherSpellingsTest {
  private static final String CONFIG = "config.json";
  private static final String LLAMA3 =
      "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
          + " \"original_max_position_embeddings\": 64";

  @TempDir private Path temporary;

  private static void requireContinuation(String fixture, DamagedModel model) {
    GoldenModel golden = GoldenModel.open(fixture);
    String prompt = golden.prompts().getLast();
    int[] ids = golden.promptIds(prompt);
    int[] expected = golden.greedyIds(prompt);
    int[] actual = new int[expected.length];
    try (Backend backend = TestBackends.open();
        SteppedModel bench = new SteppedModel(model.folder(), backend, 2, 256, 192)) {
      FlatMemory memory = bench.memory(0);
      float[] last = bench.chunk(memory, ids, 0, ids.length).getLast();
      for (int i = 0; i < expected.length; i++) {
        actual[i] = argMax(last);
        last = bench.chunk(memory, actual, i, 1).getLast();
      }
    }
    assertThat(actual).containsExactly(expected);
  }

  private static int argMax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  /// Pairs of keys and values, separated by `|`; `-` removes a key.
  private DamagedModel spelled(String fixture, String changes) {
    DamagedModel model = DamagedModel.of(fixture, temporary);
    for (String change : changes.split("\\|", -1)) {
      String[] parts = change.strip().split("=", 2);
      if (parts[1].strip().equals("-")) {
        model.without(CONFIG, parts[0].strip());
      } else {
        model.with(CONFIG, parts[0].strip(), parts[1].strip().replace("LLAMA3", LLAMA3));
      }
    }
    return model;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rope_parameters = {}",
        "rope_parameters = null | partial_rotary_factor = 1.0",
        "rope_scaling = - | rope_parameters = {\"rope_type\": \"llama3\", LLAMA3}",
        "rope_scaling = {} | rope_parameters = {\"rope_type\": \"llama3\", LLAMA3}",
        "rope_scaling = null | rope_parameters = {\"type\": \"llama3\", LLAMA3}",
        "rope_theta = - | rope_scaling = {\"rope_type\": \"llama3\", \"rope_theta\": 500000, LLAMA3}",
        "rope_theta = 10000.0 | rope_scaling = - | rope_parameters = {\"rope_theta\": 500000.0,"
            + " \"partial_rotary_factor\": 1, \"rope_type\": \"llama3\", LLAMA3}",
        "rope_scaling = {\"type\": \"linear\", \"rope_type\": \"llama3\", LLAMA3} |"
            + " rope_parameters = {\"rope_type\": \"default\", \"rope_theta\": 10000.0}",
        "rope_scaling = {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0,"
            + " \"high_freq_factor\": 4.0} | original_max_position_embeddings = 64",
        "rope_scaling = - | layer_types = [\"full_attention\", \"full_attention\"] |"
            + " rope_parameters = {\"full_attention\": {\"rope_type\": \"llama3\", LLAMA3}}",
        "rope_interleaved = false | torch_dtype = - | dtype = \"bfloat16\"",
        "architectures = -",
        "architectures = []"
      })
  void ropeOfEitherGenerationOfKeysContinuesAlike(String changes) {
    requireContinuation("llama-gqa-rope3", spelled("llama-gqa-rope3", changes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"mamba1-hf", "mamba2-hf-g1", "mistral-window"})
  void theModelTypeNamesTheFamilyWhereArchitecturesIsMissing(String fixture) {
    requireContinuation(fixture, spelled(fixture, "architectures = -"));
  }

  @Test
  void aMambaWithKeysOfBothFormatsIsThatOfItsModelType() {
    requireContinuation(
        "mamba1-hf",
        spelled("mamba1-hf", "architectures = - | d_model = 64 | n_layer = 2 | ssm_cfg = {}"));
  }

  @Test
  void aMistralThatDoesNotNameItsWindowHasTheOneOfTransformers() {
    DamagedModel model = spelled("mil1-25-split-zephyr", "sliding_window = -");
    try (ModelLoader loader = ModelLoader.open(model.folder())) {
      List<Integer> windows =
          loader.spec().layers().stream()
              .map(layer -> layer.getFirst().mixers().getFirst().mixer())
              .filter(Attention.class::isInstance)
              .map(mixer -> ((Attention) mixer).window())
              .toList();
      assertThat(windows).isNotEmpty().containsOnly(4096);
    }
  }
}
