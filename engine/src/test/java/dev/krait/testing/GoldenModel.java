package dev.krait.testing;

import dev.krait.checkpoint.SafetensorsFile;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A fixture: a checkpoint folder with what independent code computed from it.
public final class GoldenModel {
  private final Path folder;
  private final JsonNode expected;
  private final Map<String, Tensor> tensors;

  private GoldenModel(Path folder, JsonNode expected, Map<String, Tensor> tensors) {
    this.folder = folder;
    this.expected = expected;
    this.tensors = tensors;
  }

  /// Opens a fixture of `src/test/resources/models`.
  public static GoldenModel open(String name) {
    Path folder = folder(name);
    JsonNode expected = JsonMapper.shared().readTree(folder.resolve("expected.json").toFile());
    Path values = folder;
    if (expected.has("expected_in")) {
      values = folder.resolveSibling(expected.get("expected_in").asString());
      expected = JsonMapper.shared().readTree(values.resolve("expected.json").toFile());
    }
    Map<String, Tensor> tensors =
        SafetensorsFile.map(values.resolve("expected.safetensors"), Arena.ofAuto()).tensors();
    return new GoldenModel(folder, expected, tensors);
  }

  /// The folder of a fixture.
  public static Path folder(String name) {
    try {
      URI uri = GoldenModel.class.getResource("/models/" + name + "/config.json").toURI();
      return Path.of(uri).resolveSibling("");
    } catch (java.net.URISyntaxException | NullPointerException failure) {
      throw new IllegalArgumentException("no fixture " + name, failure);
    }
  }

  /// Names of all fixtures.
  public static List<String> names() {
    Path models = folder("mil2-0").resolveSibling("");
    try (var folders = Files.list(models)) {
      return folders.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (java.io.IOException failure) {
      throw new java.io.UncheckedIOException(failure);
    }
  }

  public Path folder() {
    return folder;
  }

  /// The fixture's name.
  public String name() {
    return folder.getFileName().toString();
  }

  /// Names of the prompts.
  public List<String> prompts() {
    return new ArrayList<>(expected.get("prompts").propertyNames());
  }

  /// Ids of a prompt.
  public int[] promptIds(String prompt) {
    return ints(expected.get("prompts").get(prompt).get("ids"));
  }

  /// The 48 greedy ids that follow a prompt.
  public int[] greedyIds(String prompt) {
    return ints(expected.get("greedy").get(prompt).get("ids"));
  }

  /// Positions for which logits of a prompt are given.
  public int[] positions(String prompt) {
    JsonNode node = expected.get("prompts").get(prompt).get("positions");
    if (node != null) {
      return ints(node);
    }
    int[] all = new int[promptIds(prompt).length];
    for (int i = 0; i < all.length; i++) {
      all[i] = i;
    }
    return all;
  }

  /// How far logits may be off in bf16, relative.
  public double bf16Tolerance() {
    return expected.path("tolerance").path("bf16_logits_rel").asDouble(0);
  }

  /// True when the fixture has the tensor.
  public boolean has(String tensor) {
    return tensors.containsKey(tensor);
  }

  /// An expected tensor's values.
  public float[] values(String tensor) {
    Tensor found = tensors.get(tensor);
    if (found == null) {
      throw new IllegalArgumentException("no expected tensor " + tensor);
    }
    return found.toFloats();
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  /// Euclidean norm of the difference over that of the expected values.
  public static double relativeError(float[] actual, float[] expected) {
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += ((double) actual[i] - expected[i]) * ((double) actual[i] - expected[i]);
      norm += (double) expected[i] * expected[i];
    }
    return Math.sqrt(difference / Math.max(norm, 1e-30));
  }
}
