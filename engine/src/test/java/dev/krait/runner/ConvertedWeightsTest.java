package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.loading.StoredType;
import dev.krait.testing.DamagedModel;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Weights that are converted at loading are there for every thread, and for as long as the model.
class ConvertedWeightsTest {
  private static final String WEIGHTS = "model.safetensors";

  @TempDir private Path temporary;

  @ParameterizedTest(name = "{0} on {1} with {2} threads")
  @CsvSource({
    "llama-gqa-rope3, cpu, 1",
    "llama-gqa-rope3, cpu, 4",
    "mil1-50-split, cpu, 4",
    "mamba2-hf-g1, cpu, 4",
    "llama-gqa-rope3, reference, 1",
    "mamba2-hf-g1, reference, 1"
  })
  void keptInFp32TheyContinueAlike(String fixture, String backend, int threads) {
    requireContinuation(fixture, GoldenModel.folder(fixture), StoredType.FP32, backend, threads);
  }

  @ParameterizedTest(name = "on {0} with {1} threads")
  @CsvSource({"cpu, 1", "cpu, 4", "reference, 1"})
  void aMatrixOfBlocksOfTwoTypesContinuesAlike(String backend, int threads) throws IOException {
    DamagedModel model = DamagedModel.of("llama-gqa-rope3", temporary);
    storeAsF16(model.folder().resolve(WEIGHTS), "model.layers.0.self_attn.k_proj.weight");
    requireContinuation("llama-gqa-rope3", model.folder(), StoredType.STORED, backend, threads);
  }

  private static void requireContinuation(
      String fixture, Path folder, StoredType type, String backendName, int threads) {
    GoldenModel golden = GoldenModel.open(fixture);
    String prompt = golden.prompts().getLast();
    int[] ids = golden.promptIds(prompt);
    int[] expected = golden.greedyIds(prompt);
    int[] actual = new int[expected.length];
    try (Backend backend =
            Backends.select(backendName, OptionalInt.of(threads), NumericMode.EXACT::equals)
                .backend();
        SteppedModel bench =
            new SteppedModel(
                folder, backend, type, new ModelRig.Sizes(2, 256, 192, SteppedModel.WINDOW))) {
      FlatMemory memory = bench.memory(0);
      List<float[]> logits = bench.chunk(memory, ids, 0, ids.length);
      for (int i = 0; i < expected.length; i++) {
        actual[i] = argMax(logits.getLast());
        logits = bench.chunk(memory, actual, i, 1);
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

  /// Stores a bf16 tensor as fp16, which takes as many bytes, so that no offset moves.
  private static void storeAsF16(Path file, String tensor) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int headerBytes = Math.toIntExact(buffer.getLong(0));
    String header = new String(bytes, 8, headerBytes, StandardCharsets.UTF_8);
    Matcher entry =
        Pattern.compile(
                Pattern.quote("\"" + tensor + "\"")
                    + ":\\{\"dtype\":\"(BF16)\"[^}]*\"data_offsets\":\\[(\\d+),(\\d+)\\]")
            .matcher(header.replace(", ", ",").replace(": ", ":"));
    assertThat(entry.find()).as("an entry for %s", tensor).isTrue();
    int data = 8 + headerBytes;
    int end = data + Integer.parseInt(entry.group(3));
    for (int at = data + Integer.parseInt(entry.group(2)); at < end; at += Short.BYTES) {
      float value = Float.intBitsToFloat(buffer.getShort(at) << 16);
      buffer.putShort(at, Float.floatToFloat16(value));
    }
    int name = header.indexOf("\"" + tensor + "\"");
    int type = header.indexOf("\"BF16\"", name);
    System.arraycopy("\"F16\" ".getBytes(StandardCharsets.UTF_8), 0, bytes, 8 + type, 6);
    Files.write(file, bytes);
  }
}
