package dev.krait.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.testing.DamagedModel;
import dev.krait.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What people take for a model folder is refused in words that say what it is and what to do.
class NoModelFolderTest {
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

  @TempDir private Path temporary;

  private static String refusal(Path folder) {
    EngineException failure =
        catchThrowableOfType(EngineException.class, () -> ModelLoader.open(folder).close());
    assertThat(failure).as("a refusal").isNotNull();
    return String.valueOf(failure.getMessage());
  }

  private DamagedModel model() {
    return DamagedModel.of("llama-gqa-rope3", temporary);
  }

  @Test
  void anIdOfAHubComesWithTheCommandThatDownloadsIt() {
    assertThat(refusal(Path.of("meta-llama/Llama-3.2-1B")))
        .startsWith("meta-llama/Llama-3.2-1B: no such folder")
        .contains("hf download meta-llama/Llama-3.2-1B --local-dir DIR");
  }

  @Test
  void aFolderThatIsMissingIsNoId() {
    assertThat(refusal(temporary.resolve("models/nope")))
        .contains("nope: no such folder")
        .doesNotContain("hf download");
  }

  @Test
  void aGgufFileIsNamed() throws IOException {
    Path file = Files.writeString(temporary.resolve("model-Q4_K_M"), "GGUF\3");
    assertThat(refusal(file)).contains("a GGUF file, which is not supported");
  }

  @Test
  void aFolderOfGgufFilesIsNamed() throws IOException {
    Files.writeString(temporary.resolve("m.gguf"), "GGUF\3");
    assertThat(refusal(temporary)).contains("GGUF files, which are not supported");
  }

  @Test
  void anAdapterNamesItsBase() throws IOException {
    model();
    Files.writeString(
        temporary.resolve("adapter_config.json"), "{\"base_model_name_or_path\": \"a/base\"}");
    assertThat(refusal(temporary)).contains("an adapter for a/base").contains("merge_and_unload");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"model.safetensors", "tokenizer.json", "config.json", "tokenizer_config.json"})
  void aGitLfsPointerIsNamed(String file) throws IOException {
    model();
    Files.writeString(temporary.resolve(file), POINTER);
    assertThat(refusal(temporary))
        .startsWith(temporary.resolve(file) + ": ")
        .contains("a Git LFS pointer")
        .contains("git lfs pull");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"quant_method": "gptq", "bits": 4} | gptq
          {"quant_method": "awq"} | awq
          {"quant_method": "fp8", "activation_scheme": "dynamic"} | fp8
          {"quant_method": "bitsandbytes", "load_in_4bit": true} | bitsandbytes
          {"bits": 4} | not named
          """)
  void quantisedWeightsAreRefusedByTheNameOfTheirMethod(String config, String method) {
    DamagedModel model = model().with("config.json", "quantization_config", config);
    assertThat(refusal(model.folder()))
        .contains("quantization_config.quant_method: " + method + " (expected: weights of 16 or 32")
        .contains("bits");
  }

  @Test
  void quantisedWeightsOfOlderToolsAreRefusedByTheirFile() throws IOException {
    model();
    Files.writeString(temporary.resolve("quantize_config.json"), "{}");
    assertThat(refusal(temporary)).contains("quantize_config.json: weights: quantised");
  }

  @Test
  void noWeightsAtAllAreSaid() {
    assertThat(refusal(model().without("model.safetensors").folder()))
        .contains("no weights among [config.json,")
        .contains("model.safetensors");
  }

  @Test
  void weightsOfSomethingElseAreSaid() throws IOException {
    model().without("model.safetensors");
    byte[] header =
        "{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"
            .getBytes(StandardCharsets.UTF_8);
    byte[] file = new byte[8 + header.length];
    file[0] = (byte) header.length;
    System.arraycopy(header, 0, file, 8, header.length);
    Files.write(temporary.resolve("other.safetensors"), file);
    assertThat(refusal(temporary))
        .contains("no weights of a model, only other.safetensors, 1 tensors")
        .contains("tensors of 2 layers");
  }

  @Test
  void aMissingTokenizerNamesWhatIsThereInstead() throws IOException {
    model().without("tokenizer.json");
    Files.writeString(temporary.resolve("tokenizer.model"), "x");
    EngineException failure =
        catchThrowableOfType(EngineException.class, () -> Tokenizer.requireFile(temporary));
    assertThat(failure)
        .hasMessageContaining("tokenizer.json: missing, only tokenizer.model (expected: ")
        .hasMessageContaining("save_pretrained");
  }
}
