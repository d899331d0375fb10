package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.speculation.SpeculationRig.Answer;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.GoldenModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A sequence of which no token can be chosen ends alone; the others and the engine go on.
class NothingToChooseTest {
  private static final String MODEL = "mamba1-hf";
  private static final SamplingParams WARM =
      SamplingParams.of(set -> {
        set.temperature = 1;
        set.topP = 0.9f;
        set.seed = 5;
      });

  private static GenerationRequest request(SamplingParams sampling, StopConditions stop) {
    return GenerationRequest.of("r", TokenIds.of(4, 5, 6), sampling, stop);
  }

  private static SpeculationRig rig(Path folder, Backend backend, int drafts) {
    Sizes sizes = new Sizes(drafts, 4, 64, 64, 1);
    return drafts == 0
        ? SpeculationRig.of(folder, backend, sizes, vocab -> new NgramDrafter(1, 3))
        : SpeculationRig.withModel(folder, folder, backend, sizes);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4})
  void whereEveryTokenIsExcluded(int drafts) {
    Path folder = GoldenModel.folder(MODEL);
    int[] every = IntStream.range(0, 320).toArray();
    StopConditions none = new StopConditions(8, 2, TokenIds.of(every));
    StopConditions eight = new StopConditions(8, 8, TokenIds.empty());
    try (Backend backend =
            Backends.select("cpu", OptionalInt.of(1), NumericMode.EXACT::equals).backend();
        SpeculationRig rig = rig(folder, backend, drafts)) {
      List<Answer> alone = rig.run(List.of(request(WARM, eight)));
      List<Answer> answers =
          rig.run(
              List.of(
                  request(WARM, none),
                  request(WARM, eight),
                  request(SamplingParams.greedy(), none)));
      assertThat(answers.get(1).ids()).hasSize(8).isEqualTo(alone.getFirst().ids());
      for (int failed : new int[] {0, 2}) {
        assertThat(answers.get(failed).end())
            .isInstanceOfSatisfying(
                GenerationEvent.Failed.class,
                end -> {
                  assertThat(end.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
                  assertThat(end.message()).contains("exclude every token");
                });
      }
    }
  }

  @Test
  void whereTheWeightsAreDamaged(@TempDir Path folder) throws IOException {
    Path sound = GoldenModel.folder(MODEL);
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(sound.resolve(name), folder.resolve(name));
    }
    poison(folder.resolve("model.safetensors"), "backbone.norm_f.weight");
    StopConditions eight = new StopConditions(8, 0, TokenIds.empty());
    try (Backend backend =
            Backends.select("cpu", OptionalInt.of(1), NumericMode.EXACT::equals).backend();
        SpeculationRig rig = rig(folder, backend, 0)) {
      for (SamplingParams sampling : List.of(WARM, SamplingParams.greedy())) {
        Answer answer = rig.run(List.of(request(sampling, eight))).getFirst();
        assertThat(answer.end())
            .isInstanceOfSatisfying(
                GenerationEvent.Failed.class,
                end -> assertThat(end.message()).startsWith("logits: NaN"));
      }
    }
  }

  /// Makes a tensor's first element a NaN.
  private static void poison(Path file, String tensor) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int headerBytes = (int) buffer.getLong(0);
    JsonNode entry =
        JsonMapper.shared()
            .readTree(new String(bytes, 8, headerBytes, StandardCharsets.UTF_8))
            .path(tensor);
    int at = 8 + headerBytes + entry.path("data_offsets").path(0).asInt();
    switch (entry.path("dtype").asString()) {
      case "F32" -> buffer.putFloat(at, Float.NaN);
      default -> buffer.putShort(at, (short) 0x7fff);
    }
    Files.write(file, bytes);
  }
}
