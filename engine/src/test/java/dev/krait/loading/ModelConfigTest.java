package dev.krait.loading;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.testing.GoldenModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The configuration alone decides before weights are downloaded.
class ModelConfigTest {
  @TempDir private Path temporary;

  static List<String> models() {
    return GoldenModel.names();
  }

  @ParameterizedTest
  @MethodSource("models")
  void aModelThatLoadsPasses(String model) throws IOException {
    Path config = GoldenModel.folder(model).resolve("config.json");
    Files.copy(config, temporary.resolve("config.json"));
    assertThatCode(() -> ModelConfig.require(temporary)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"architectures": ["T5ForConditionalGeneration"]} | architecture: T5ForConditionalGeneration (exp
          {"quantization_config": {"quant_method": "awq"}}  | quant_method: awq
          """)
  void whatNoWeightsCanMakeUpForIsRefused(String config, String message) throws IOException {
    Files.writeString(temporary.resolve("config.json"), config);
    assertThatThrownBy(() -> ModelConfig.require(temporary))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(message);
  }

  @Test
  void aMissingConfigurationIsNamed() {
    assertThatThrownBy(() -> ModelConfig.require(temporary)).hasMessageContaining("config.json");
  }
}
