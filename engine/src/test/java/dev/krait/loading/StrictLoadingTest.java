package dev.krait.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.backend.reference.ReferenceBackend;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.testing.DamagedModel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A folder that does not add up is refused when it is opened, with file, key, value and range.
class StrictLoadingTest {
  private static final String CONFIG = "config.json";
  private static final String MAMBA = "mamba_config.json";

  @TempDir private Path temporary;

  private DamagedModel copy(String fixture) {
    return DamagedModel.of(fixture, temporary);
  }

  private static String refusal(DamagedModel model) {
    EngineException failure =
        catchThrowableOfType(
            EngineException.class,
            () -> {
              try (ModelLoader loader = ModelLoader.open(model.folder());
                  ReferenceBackend backend = new ReferenceBackend()) {
                loader.load(backend, StoredType.STORED);
              }
            });
    assertThat(failure).as("a refusal").isNotNull();
    assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT);
    return String.valueOf(failure.getMessage());
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          llama-gqa-rope3 | rms_norm_eps | NaN | above 0, below 1
          llama-gqa-rope3 | rms_norm_eps | -0.5 | above 0, below 1
          llama-gqa-rope3 | rms_norm_eps | 0 | above 0, below 1
          llama-gqa-rope3 | rms_norm_eps | 1E-60 | above 0, below 1
          llama-gqa-rope3 | rms_norm_eps | 1 | above 0, below 1
          mil1-50-split | rms_norm_eps | Infinity | above 0, below 1
          mamba1-hf | layer_norm_epsilon | NaN | above 0, below 1
          mamba1-hf | layer_norm_epsilon | 2.5 | above 0, below 1
          mamba2-hf-g1 | layer_norm_epsilon | 0 | above 0, below 1
          llama-gqa-rope3 | rope_theta | NaN | a finite number, 1 or more
          llama-gqa-rope3 | rope_theta | 0 | a finite number, 1 or more
          llama-gqa-rope3 | rope_theta | -10000.5 | a finite number, 1 or more
          llama-tied-odd | rope_parameters.rope_theta | Infinity | a finite number, 1 or more
          m1-25-fused-sharded | rope_theta | 0.5 | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.factor | 0 | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.factor | -8 | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.factor | Infinity | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.low_freq_factor | NaN | a finite number above 0
          llama-gqa-rope3 | rope_scaling.low_freq_factor | 0 | a finite number above 0
          llama-gqa-rope3 | rope_scaling.high_freq_factor | 1.0 | above low_freq_factor 1.0
          llama-gqa-rope3 | rope_scaling.high_freq_factor | Infinity | above low_freq_factor 1.0
          llama-gqa-rope3 | rope_scaling.original_max_position_embeddings | 0 | 1 or more
          llama-gqa-rope3 | rope_scaling.rope_type | "yarn" | default, linear or llama3
          mil1-50-split | rope_scaling.factor | NaN | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.attention_factor | 1.0 | no such key, or one of [factor,
          llama-gqa-rope3 | rope_scaling.full_attention | {} | no such key, or one of [factor,
          llama-gqa-rope3 | rope_scaling.rope_theta | null | a finite number, 1 or more
          llama-gqa-rope3 | rope_scaling.partial_rotary_factor | 0.5 | 1, which rotates whole heads
          llama-gqa-rope3 | partial_rotary_factor | 0.25 | 1, which rotates whole heads
          llama-gqa-rope3 | rope_theta | null | a finite number, 1 or more
          llama-gqa-rope3 | rope_interleaved | true | no other key of rope
          llama-gqa-rope3 | rope_local_base_freq | 10000.0 | no other key of rope
          llama-tied-odd | rope_parameters.mrope_section | [1,1,2] | no such key, or one of [factor,
          """)
  void refusesNumbersOutsideOfTheirRange(
      String fixture, String key, String value, String expected) {
    assertThat(refusal(copy(fixture).with(CONFIG, key, value)))
        .startsWith(temporary.resolve(CONFIG) + ": ")
        .contains(key.substring(key.lastIndexOf('.') + 1) + ": ")
        .contains(value.replace("\"", ""))
        .contains("(expected: ")
        .contains(expected);
  }

  @Test
  void refusesLayerTypesWhoseRopesDiffer() {
    String rope = "{\"rope_type\": \"default\", \"rope_theta\": %s}";
    DamagedModel model =
        copy("llama-tied-odd")
            .with(CONFIG, "layer_types", "[\"full_attention\", \"sliding_attention\"]")
            .with(
                CONFIG,
                "rope_parameters",
                "{\"full_attention\": %s, \"sliding_attention\": %s}"
                    .formatted(rope.formatted("10000.0"), rope.formatted("20000.0")));
    assertThat(refusal(model))
        .contains("rope_parameters: ")
        .contains("the same rope for all layers");
    assertThat(
            refusal(model.with(CONFIG, "rope_parameters", "{\"full_attention\": {\"factor\": 2}}")))
        .contains("rope_parameters.sliding_attention: missing");
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          llama-gqa-rope3 | num_key_value_heads | 3 | num_key_value_heads: 3 (expected: a divisor of 4 heads)
          llama-gqa-rope3 | head_dim | 15 | head_dim: 15 (expected: an even number)
          llama-gqa-rope3 | num_attention_heads | 6 | num_attention_heads: 6 (expected: heads of an even size
          llama-gqa-rope3 | num_hidden_layers | 50000000 | num_hidden_layers: 50000000 (expected: 2, the layers
          llama-gqa-rope3 | num_hidden_layers | 1 | num_hidden_layers: 1 (expected: 2, the layers
          mamba1-hf | num_hidden_layers | 50000000 | num_hidden_layers: 50000000 (expected: 2, the layers
          mamba2-original | n_layer | 50000000 | n_layer: 50000000 (expected: 2, the layers
          llama-gqa-rope3 | head_dim | 268435456 | num_attention_heads * head_dim: 4 * 268435456 (expected: a product
          llama-gqa-rope3 | hidden_size | 2147483647 | hidden_size: 2147483647 (expected: an integer from 1 to 268435456)
          mamba1-hf | state_size | 100000000 | inner size * state_size: 128 * 100000000 (expected: a product
          mamba1-hf | conv_kernel | 100000000 | inner size * conv_kernel: 128 * 100000000 (expected: a product
          mamba1-hf | time_step_rank | "some" | time_step_rank: "some" (expected: a number or auto)
          mamba2-hf-g1 | expand | 100000000 | expand * hidden_size: 100000000 * 64 (expected: a product
          mamba2-hf-g1 | num_heads | 100000000 | num_heads * head_dim: 100000000 * 32 (expected: expand * hidden_size 128)
          mamba2-hf-g1 | n_groups | 3 | n_groups: 3 (expected: a divisor of the 4 heads)
          mamba2-hf-g1 | state_size | 200000000 | state_size: 128 * 200000000 (expected: a product
          mamba2-original | ssm_cfg | {"layer": "Mamba2", "expand": 99999999} | ssm_cfg.expand * d_model: 99999999 * 64
          mamba1-original | ssm_cfg | {"layer": "Mamba3"} | ssm_cfg.layer: "Mamba3" (expected: Mamba1 or Mamba2)
          mamba1-original | vocab_size | 400 | vocab_size: 400 (expected: padded to a multiple of 8 the rows of
          mamba1-original | vocab_size | 100 | vocab_size: 100 (expected: padded to a multiple of 8 the rows of
          llama-gqa-rope3 | hidden_act | "gelu" | hidden_act: "gelu" (expected: silu)
          llama-gqa-rope3 | attention_bias | true | attention_bias: true (expected: false)
          """)
  void refusesWhatDoesNotFitTogether(String fixture, String key, String value, String message) {
    assertThat(refusal(copy(fixture).with(CONFIG, key, value)))
        .startsWith(temporary.resolve(CONFIG) + ": ")
        .contains(message);
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          mil1-50-split | attn_layers | [9] | attn_layers: [9] (expected: indices below 4)
          mil1-50-split | d_xb | 24 | d_xb: 24 (expected: a divisor of d_inner 64
          mil1-50-split | ssm_cfg | {"expand": 99999999} | ssm_cfg.expand * d_model: 99999999 * 64
          mil1-50-split | ssm_cfg | {"expand": 1, "dt_rank": "all"} | ssm_cfg.dt_rank: "all" (expected: a number or auto)
          mil2-25 | ssm_cfg | {"expand": 1, "ngroups": 99999999, "d_state": 16} | ngroups * d_state: 99999999 * 16 (expected:
          mil2-25 | ssm_cfg | {"expand": 1, "ngroups": 4, "d_state": 16, "d_conv": 99999999} | d_conv: 192 * 99999999
          """)
  void refusesWhatDoesNotFitInTheMambaConfiguration(
      String fixture, String key, String value, String message) {
    assertThat(refusal(copy(fixture).with(MAMBA, key, value)))
        .startsWith(temporary.resolve(MAMBA) + ": ")
        .contains(message);
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({
    "rms_norm_eps, 1e-6, rms_norm_eps 1.0E-5",
    "hidden_act, '\"gelu\"', hidden_act silu",
    "intermediate_size, 48, intermediate_size 32",
    "vocab_size, 321, vocab_size 320",
    "d_model, 32, hidden_size 64",
    "n_layer, 5, num_hidden_layers 4"
  })
  void refusesAMambaConfigurationThatContradictsTheOther(
      String key, String value, String expected) {
    assertThat(refusal(copy("mil1-50-split").with(MAMBA, key, value)))
        .startsWith(temporary.resolve(MAMBA) + ": " + key + ": ")
        .contains("(expected: " + expected + " of " + temporary.resolve(CONFIG));
  }

  @ParameterizedTest
  @CsvSource({
    "mamba1-hf, tie_word_embeddings",
    "mamba2-hf-g1, tie_word_embeddings",
    "llama-tied-odd, tie_word_embeddings",
    "m1-25-fused-sharded, tie_word_embeddings"
  })
  void refusesAMissingHeadThatIsNotTied(String fixture, String key) {
    assertThat(refusal(copy(fixture).with(CONFIG, key, "false")))
        .contains("tensor lm_head.weight: missing");
  }

  @Test
  void refusesAMissingHeadThatIsNotTiedInTheOriginalFormat() {
    DamagedModel model =
        copy("mamba1-hf")
            .without(CONFIG, "architectures")
            .without(CONFIG, "model_type")
            .replaced(
                "model.safetensors",
                "\"backbone.embeddings.weight\":",
                "\"backbone.embedding.weight\": ");
    try (ModelLoader loader = ModelLoader.open(model.folder());
        ReferenceBackend backend = new ReferenceBackend()) {
      assertThat(loader.load(backend, StoredType.STORED).spec().headRows()).isEqualTo(320);
    }

    assertThat(refusal(model.with(CONFIG, "tie_embeddings", "false")))
        .contains("tensor lm_head.weight: missing");
  }

  @Test
  void takesTheDefaultOfTransformersWhereAHeadIsMissing() {
    assertThat(refusal(copy("mamba2-hf-g1").without(CONFIG, "tie_word_embeddings")))
        .contains("tensor lm_head.weight: missing");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[0.0, Infinity]",
        "[0.0, {\"__float__\": \"Infinity\"}]",
        "null",
        "[-1, Infinity]"
      })
  void acceptsTimeStepsWithoutLimit(String limit) {
    DamagedModel model = copy("mamba2-hf-g2").with(CONFIG, "time_step_limit", limit);
    try (ModelLoader loader = ModelLoader.open(model.folder())) {
      assertThat(loader.spec().architecture()).isEqualTo("Mamba2");
    }
  }

  @Test
  void acceptsAMambaConfigurationThatSaysNothingTwice() {
    DamagedModel model = copy("mil1-50-split");
    for (String key : new String[] {"rms_norm_eps", "hidden_act", "intermediate_size", "n_layer"}) {
      model.without(MAMBA, key);
    }
    try (ModelLoader loader = ModelLoader.open(model.folder())) {
      assertThat(loader.spec().layers()).hasSize(4);
    }
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          granite-hybrid-dense | mamba_proj_bias | true | false
          granite-hybrid-dense | attention_bias | true | false
          granite-hybrid-dense | position_embedding_type | "absolute" | nope or rope
          granite-hybrid-dense | logits_scaling | 0 | a finite number above 0
          granite-hybrid-dense | layer_types | ["mamba"] | for each of 2 layers
          granite-hybrid-moe | num_experts_per_tok | 7 | at most the 6 experts
          bamba | attn_rotary_emb | 18 | an even number, at most head_dim 16
          falcon-mamba | mixer_rms_eps | 2.0 | above 0, below 1
          lfm2 | conv_bias | true | false
          jamba | mamba_proj_bias | true | false
          jamba | sliding_window | 128 | null
          nemotron-h | mlp_hidden_act | "silu" | relu2
          nemotron-h | use_bias | true | false
          nemotron-h | time_step_limit | [0.001, 0.1] | no clamp
          nemotron-h | hybrid_override_pattern | "M-*" | for each of 4 layers
          nemotron3-moe | topk_group | 2 | at most n_group 1
          qwen3-next | attention_bias | true | false
          qwen3-next | use_sliding_window | true | false
          qwen3-next | rope_scaling | {"type": "yarn", "factor": 4.0} | default, linear or llama3
          qwen3-next | partial_rotary_factor | 0.01 | a share of head_dim 32
          qwen3.5-text | attn_output_gate | false | true
          qwen3.5-text | hidden_act | "gelu" | silu
          olmo-hybrid | attention_bias | true | false
          kimi-linear | q_lora_rank | 32 | null
          kimi-linear | mla_use_nope | false | true
          kimi-linear | moe_router_activation_func | "softmax" | sigmoid
          falcon-h1 | mamba_norm_before_gate | true | false
          zamba2 | use_shared_attention_adapter | true | false
          zamba2 | use_long_context | true | false
          zamba2 | hidden_act | "gelu_pytorch_tanh" | gelu
          zamba2 | layers_block_type | ["mamba", "hybrid"] | for each of 3 layers
          falcon-h1 | ssm_multipliers | [1.0, 1.0] | 5 finite numbers
          """)
  void refusesWhatAFamilyDoesNotCompute(String fixture, String key, String value, String expected) {
    assertThat(refusal(copy(fixture).with(CONFIG, key, value)))
        .startsWith(temporary.resolve(CONFIG) + ": ")
        .contains(key)
        .contains("(expected: ")
        .contains(expected);
  }

  @Test
  void refusesNumbersThatTheDescriptionOfAMixerRefuses() {
    assertThat(refusal(copy("nemotron3-moe").with(CONFIG, "n_group", "4")))
        .isEqualTo(
            temporary.resolve(CONFIG) + ": perToken: 3 (expected: 1 to those of 8 that take part)");
  }

  /// Vision towers and layers that predict further tokens have names that the family leaves out;
  /// any other tensor is still an error.
  @Test
  void leavesOutTensorsByNameAndNoOthers() {
    try (ModelLoader loader = ModelLoader.open(copy("qwen3.5").folder())) {
      assertThat(loader.skipped()).containsExactly("mtp.", "model.visual.");
    }
  }
}
