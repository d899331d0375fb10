package dev.krait.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.loading.ModelLoader;
import dev.krait.testing.GoldenModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Mamba-2 checkpoints may limit their time steps; Krait computes those that do not.
class TimeStepLimitTest {
  private static final String TRANSFORMERS = "\"time_step_limit\": \\[[^]]*]";
  private static final String ORIGINAL = "\"layer\": \"Mamba2\"";
  private static final String HYBRID = "\"ngroups\": 4";

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[0.0, Infinity]",
        "[0, Infinity]",
        "[-Infinity, Infinity]",
        "[0.0, {\"__float__\": \"Infinity\"}]",
        "null",
      })
  void aLimitThatClampsNothingIsLoaded(String limit) {
    for (Runnable load : withLimit(limit)) {
      load.run();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[0.0, 0.1]   | [0.0, 0.1]",
        "[0.001, Infinity] | [0.001, Infinity]",
        "[0.0, NaN]   | [0.0, NaN]",
        "[NaN, Infinity] | [NaN, Infinity]",
        "[0.0]        | [0.0]",
        "[]           | []",
        "[0, 0.1, 1]  | [0.0, 0.1, 1.0]",
        "0.1          | 0.1",
        "[\"0\", \"inf\"] | [\"0\",\"inf\"]",
      })
  void aLimitThatWouldClampIsRefusedByNameAndValue(String limit, String shown) {
    for (Runnable load : withLimit(limit)) {
      assertThatThrownBy(load::run)
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT))
          .message()
          .containsPattern("(time_step_limit|dt_limit): ")
          .contains(": " + shown + " (expected: ");
    }
  }

  /// The three kinds of checkpoint that have such a limit.
  private List<Runnable> withLimit(String limit) {
    return List.of(
        () -> load("mamba2-hf-g1", "config.json", TRANSFORMERS, "\"time_step_limit\": " + limit),
        () ->
            load("mamba2-original", "config.json", ORIGINAL, ORIGINAL + ", \"dt_limit\": " + limit),
        () -> load("mil2-25", "mamba_config.json", HYBRID, HYBRID + ", \"dt_limit\": " + limit));
  }

  private void load(String fixture, String file, String pattern, String replacement) {
    try {
      Path copy = Files.createDirectory(folder.resolve(fixture));
      Path source = GoldenModel.folder(fixture);
      for (String name :
          List.of("config.json", "mamba_config.json", "model.safetensors", "pytorch_model.bin")) {
        if (Files.exists(source.resolve(name))) {
          Files.copy(source.resolve(name), copy.resolve(name));
        }
      }
      String before = Files.readString(copy.resolve(file));
      String after = before.replaceFirst(pattern, replacement);
      assertThat(after).contains(replacement);
      Files.writeString(copy.resolve(file), after);
      ModelLoader.open(copy).close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
