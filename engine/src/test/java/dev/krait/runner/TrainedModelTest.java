package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.checkpoint.SafetensorsFile;
import dev.krait.tensor.Tensor;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.lang.foreign.Arena;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The shipped model's logits for three chats against a float64 derivation from the same files.
@Tag("slow")
class TrainedModelTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @MethodSource("dev.krait.testing.TestBackends#names")
  void logitsOfThreeChats(String backendName) throws URISyntaxException {
    Path folder =
        Path.of(TrainedModelTest.class.getResource("/trained/expected.json").toURI())
            .resolveSibling("");
    JsonNode expected = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
    Map<String, Tensor> tensors =
        SafetensorsFile.map(folder.resolve("expected.safetensors"), Arena.ofAuto()).tensors();
    Path model = Path.of(System.getProperty("krait.repo"), "models", "krait-tiny");
    try (Backend backend = TestBackends.open(backendName);
        SteppedModel bench = new SteppedModel(model, backend, 1, 64, 64)) {
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        String prompt = entry.getKey().substring(entry.getKey().indexOf('.') + 1);
        JsonNode list = expected.get("prompts").get(prompt).get("ids");
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = list.get(i).asInt();
        }
        List<float[]> logits = bench.chunk(bench.memory(0), ids, 0, ids.length);
        float[] want = entry.getValue().toFloats();
        int width = logits.getFirst().length;
        int positions = want.length / width;
        float[] got = new float[want.length];
        for (int i = 0; i < positions; i++) {
          System.arraycopy(logits.get(ids.length - positions + i), 0, got, i * width, width);
        }
        assertThat(GoldenModel.relativeError(got, want))
            .as("relative error of %s", entry.getKey())
            .isLessThan(TOLERANCE);
      }
    }
  }
}
