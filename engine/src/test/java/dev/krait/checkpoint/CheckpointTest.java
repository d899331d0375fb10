package dev.krait.checkpoint;

import static dev.krait.checkpoint.Refusals.absenceOf;
import static dev.krait.checkpoint.Refusals.refusalOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.tensor.DType;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointTest {
  private static final String SHARD_1 = "model-00001-of-00002.safetensors";
  private static final String SHARD_2 = "model-00002-of-00002.safetensors";

  @TempDir Path folder;

  /// The digests were computed from the same files by Python's json, zipfile and pickle modules.
  @ParameterizedTest
  @CsvSource({
    "mil1-50-split, 54, fa9ba3416cb79b8b34d3b695aac2703006126365ff85e865f3cebad12353d134",
    "mil1-50-split-bin, 55, c30b48f7c5667ce539bb94888de6195f7851fd8dd02638e65efe71850c49b444",
    "mamba1-original, 23, 2aa3ae9dbc0baea02f73539e45a35a5811f8ad289236f1826b0c2d04431a01c2",
    "mamba2-original, 21, aa71e342a47d6a2d1b1fbc1dc9680fffd203c9f801e9fb0abda557a2fa35a00b",
    "m1-25-fused-sharded, 48, 7962a248ec1a94abcbb61e52d644a5bb9e51f42c050a2437d92c4b4aeb921690",
  })
  void everyByteOfEveryTensorIsRight(String model, int count, String digest) {
    try (Checkpoint checkpoint = Checkpoint.open(fixture(model))) {
      assertThat(checkpoint.names()).hasSize(count);
      assertThat(digest(checkpoint)).isEqualTo(digest);
    }
  }

  @Test
  void pickleInFp32HoldsTheWidenedValuesOfTheSafetensors() {
    try (Checkpoint narrow = Checkpoint.open(fixture("mil1-50-split"));
        Checkpoint wide = Checkpoint.open(fixture("mil1-50-split-bin"))) {
      assertThat(wide.names()).containsAll(narrow.names());
      for (String name : narrow.names()) {
        assertThat(wide.require(name).dtype()).isEqualTo(DType.F32);
        assertThat(wide.require(name).shape()).isEqualTo(narrow.require(name).shape());
        assertThat(wide.require(name).toFloats())
            .as(name)
            .isEqualTo(narrow.require(name).toFloats());
      }
    }
  }

  @Test
  void twoNamesOfOneStorageAreOneMemoryAndCountOnce() {
    try (Checkpoint checkpoint = Checkpoint.open(fixture("mil1-50-split-bin"))) {
      Tensor head = checkpoint.require("lm_head.weight");
      Tensor embedding = checkpoint.require("model.embed_tokens.weight");

      assertThat(head.data().address()).isEqualTo(embedding.data().address());
      assertThat(checkpoint.bytes()).isEqualTo(509_696 - embedding.data().byteSize());
    }
  }

  @Test
  void typesMayDifferWithinAFile() {
    try (Checkpoint checkpoint = Checkpoint.open(fixture("mamba1-original"))) {
      assertThat(checkpoint.require("backbone.layers.0.mixer.A_log").dtype()).isEqualTo(DType.F32);
      assertThat(checkpoint.require("backbone.layers.0.mixer.in_proj.weight").dtype())
          .isEqualTo(DType.F16);
    }
  }

  @Test
  void descriptionNamesFilesTensorsAndSize() {
    try (Checkpoint single = Checkpoint.open(fixture("mil1-50-split"));
        Checkpoint sharded = Checkpoint.open(fixture("m1-25-fused-sharded"))) {
      assertThat(single.describe()).isEqualTo("model.safetensors, 54 tensors, 213.9 kB");
      assertThat(sharded.describe())
          .isEqualTo("model.safetensors.index.json (3 files), 48 tensors, 250.6 kB");
    }
  }

  @Test
  void missingTensorIsRefusedWithTheNearestNames() {
    try (Checkpoint checkpoint = Checkpoint.open(fixture("mil1-50-split"))) {
      assertThat(checkpoint.find("model.norm.weigth")).isEmpty();
      refusalOf(() -> checkpoint.require("model.norm.weigth"))
          .contains("model.safetensors: tensor model.norm.weigth: missing")
          .contains("nearest: model.norm.weight, ");
    }
  }

  @Test
  void tensorsCannotBeReadAfterClose() {
    Checkpoint checkpoint = Checkpoint.open(fixture("mil1-50-split"));
    Tensor tensor = checkpoint.require("model.norm.weight");

    checkpoint.close();
    checkpoint.close();

    assertThatThrownBy(() -> tensor.floatAt(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void folderWithoutWeightsIsRefusedWithWhatItHolds() throws IOException {
    Files.createFile(folder.resolve("config.json"));
    Files.createFile(folder.resolve("model.gguf"));

    absenceOf(() -> Checkpoint.open(folder))
        .contains(
            "no weights among [config.json, model.gguf]", "model.safetensors", "pytorch_model.bin");
  }

  @Test
  void folderThatIsMissingOrAFileIsRefused() throws IOException {
    absenceOf(() -> Checkpoint.open(folder.resolve("gone"))).contains("gone: no such folder");
    Path file = Files.createFile(folder.resolve("file"));
    absenceOf(() -> Checkpoint.open(file)).contains("file: a file");
  }

  @Test
  void safetensorsArePreferredToAPickle() throws IOException {
    safetensors("model.safetensors", "a");
    Files.writeString(folder.resolve("pytorch_model.bin"), "not looked at");

    assertNames("a");
  }

  @Test
  void soleSafetensorsFileMayHaveAnyName() throws IOException {
    safetensors("consolidated.safetensors", "a");
    assertNames("a");

    safetensors("another.safetensors", "b");
    absenceOf(() -> Checkpoint.open(folder))
        .contains("among [another.safetensors, consolidated.safetensors]");
  }

  @Test
  void pickleIsPreferredToSafetensorsOfAnotherName() throws IOException {
    safetensors("expected.safetensors", "b");
    byte[] pickle = PickleScript.stateDict(script -> script.vector("a", "0", 1));
    ZipScript.archive(folder.resolve("pytorch_model.bin"), pickle, new byte[4]);

    assertNames("a");
  }

  @Test
  void linksToFilesAreFollowed() throws IOException {
    safetensors("blob", "a");
    Files.createSymbolicLink(folder.resolve("model.safetensors"), folder.resolve("blob"));

    assertNames("a");
  }

  @Test
  void shardsOfSafetensorsAreJoined() throws IOException {
    safetensors(SHARD_1, "a");
    safetensors(SHARD_2, "b");
    index("\"a\":\"" + SHARD_1 + "\",\"b\":\"" + SHARD_2 + "\"");

    assertNames("a", "b");
  }

  @Test
  void shardsOfPicklesAreJoined() throws IOException {
    for (String name : new String[] {"a", "b"}) {
      byte[] pickle = PickleScript.stateDict(script -> script.vector(name, "0", 1));
      ZipScript.archive(folder.resolve(name + ".bin"), pickle, new byte[4]);
    }
    Files.writeString(
        folder.resolve("pytorch_model.bin.index.json"),
        "{\"weight_map\":{\"a\":\"a.bin\",\"b\":\"b.bin\"}}");

    assertNames("a", "b");
  }

  @Test
  void shardOfTheIndexThatIsMissingIsRefused() throws IOException {
    safetensors(SHARD_1, "a");
    index("\"a\":\"" + SHARD_1 + "\",\"b\":\"" + SHARD_2 + "\"");

    refusalOf(() -> Checkpoint.open(folder)).contains(SHARD_2 + ": file: missing");
  }

  @Test
  void tensorOfTheIndexThatItsShardLacksIsRefused() throws IOException {
    safetensors(SHARD_1, "a");
    index("\"a\":\"" + SHARD_1 + "\",\"b\":\"" + SHARD_1 + "\"");

    refusalOf(() -> Checkpoint.open(folder)).contains("tensor b: not in " + SHARD_1);
  }

  @Test
  void tensorInTwoShardsIsRefused() throws IOException {
    safetensors(SHARD_1, "a");
    safetensors(SHARD_2, "a", "b");
    index("\"a\":\"" + SHARD_1 + "\",\"b\":\"" + SHARD_2 + "\"");

    refusalOf(() -> Checkpoint.open(folder))
        .contains("tensor a: found in " + SHARD_2, "only in " + SHARD_1);
  }

  @Test
  void tensorThatTheIndexDoesNotListIsRefused() throws IOException {
    safetensors(SHARD_1, "a", "b");
    index("\"a\":\"" + SHARD_1 + "\"");

    refusalOf(() -> Checkpoint.open(folder))
        .contains("tensor b: found in " + SHARD_1, "only tensors of the index");
  }

  @Test
  void indexThatLeavesTheFolderIsRefused() throws IOException {
    for (String shard :
        new String[] {
          "../x.safetensors",
          "/etc/x.safetensors",
          "sub/x.safetensors",
          "..\\\\x.safetensors",
          "x.bin",
          ".safetensors",
          "",
          "x\\u0000.safetensors"
        }) {
      index("\"a\":\"" + shard + "\"");
      refusalOf(() -> Checkpoint.open(folder))
          .as(shard)
          .contains("model.safetensors.index.json: weight_map: a: ", "in the same folder");
    }
    index("\"a\":7");
    refusalOf(() -> Checkpoint.open(folder)).contains("weight_map: a: 7");
  }

  @Test
  void indexWithoutAMapOrNamingATensorTwiceIsRefused() throws IOException {
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, "{}");
    refusalOf(() -> Checkpoint.open(folder)).contains("weight_map: missing");
    Files.writeString(index, "{\"weight_map\":[]}");
    refusalOf(() -> Checkpoint.open(folder)).contains("weight_map: []");
    index("\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"");
    refusalOf(() -> Checkpoint.open(folder)).contains("index.json: content at line 1", "Duplicate");
  }

  private void assertNames(String... names) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThat(checkpoint.names()).containsExactly(names);
    }
  }

  private void index(String weightMap) throws IOException {
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + weightMap + "}}");
  }

  /// A file of one-byte tensors.
  private void safetensors(String file, String... names) throws IOException {
    StringBuilder header = new StringBuilder();
    for (int i = 0; i < names.length; i++) {
      header
          .append(i == 0 ? "{\"" : ",\"")
          .append(names[i])
          .append("\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[")
          .append(i)
          .append(',')
          .append(i + 1)
          .append("]}");
    }
    String text = header.append('}').toString();
    Files.write(
        folder.resolve(file),
        new LittleEndian()
            .number(8, text.length())
            .text(text)
            .raw(new byte[names.length])
            .toBytes());
  }

  private static String digest(Checkpoint checkpoint) {
    MessageDigest sha;
    try {
      sha = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException failure) {
      throw new AssertionError(failure);
    }
    for (String name : checkpoint.names()) {
      Tensor tensor = checkpoint.require(name);
      String dims =
          Arrays.stream(tensor.shape().dims())
              .mapToObj(Long::toString)
              .collect(Collectors.joining(","));
      String description = name + "\0" + tensor.dtype() + "\0" + dims + "\0";
      sha.update(description.getBytes(StandardCharsets.UTF_8));
      sha.update(tensor.data().asByteBuffer());
    }
    return HexFormat.of().formatHex(sha.digest());
  }

  private static Path fixture(String model) {
    String config = "/models/" + model + "/config.json";
    try {
      URL url = Objects.requireNonNull(CheckpointTest.class.getResource(config), config);
      return Objects.requireNonNull(Path.of(url.toURI()).getParent());
    } catch (URISyntaxException failure) {
      throw new AssertionError(failure);
    }
  }
}
