package dev.krait.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.ModelInfo.SamplingDefaults;
import dev.krait.generation.SamplingParams;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SamplingRequestTest {
  private static final SamplingDefaults MODEL =
      new SamplingDefaults(
          OptionalDouble.of(0.5),
          OptionalInt.of(7),
          OptionalDouble.of(0.25),
          OptionalDouble.empty(),
          OptionalDouble.of(1.5));

  @Test
  void takesWhatIsLeftOutFromTheModelThenFromOpenAi() {
    SamplingParams params = SamplingRequest.defaults().params(MODEL, 9, 0, -1, 2);
    assertThat(params.temperature()).isEqualTo(0.5f);
    assertThat(params.topK()).isEqualTo(7);
    assertThat(params.topP()).isEqualTo(0.25f);
    assertThat(params.minP()).isZero();
    assertThat(params.repetitionPenalty()).isEqualTo(1.5f);
    assertThat(params.seed()).isEqualTo(9);
    assertThat(params.logprobs()).isEqualTo(-1);
    assertThat(params.promptLogprobs()).isEqualTo(2);
  }

  @Test
  void whatIsAskedForWinsOverTheModel() {
    SamplingRequest asked =
        new SamplingRequest(
            OptionalDouble.of(0),
            OptionalInt.of(-1),
            OptionalDouble.of(1),
            OptionalDouble.of(0.5),
            OptionalLong.of(3),
            OptionalDouble.of(1),
            1,
            -1,
            Map.of(5, 2f));
    SamplingParams params = asked.params(MODEL, 3, 0, 0, -1);
    assertThat(params.isGreedy()).isTrue();
    assertThat(params.topK()).isZero();
    assertThat(params.topP()).isEqualTo(1);
    assertThat(params.minP()).isEqualTo(0.5f);
    assertThat(params.repetitionPenalty()).isEqualTo(1);
    assertThat(params.presencePenalty()).isEqualTo(1);
    assertThat(params.frequencyPenalty()).isEqualTo(-1);
    assertThat(params.logitBias()).containsEntry(5, 2f);
  }

  @Test
  void eachSequenceOfARequestHasAKeyOfItsOwn() {
    Set<Long> keys = new HashSet<>();
    for (long key : new long[] {0, 1, -5, 7919}) {
      for (int sequence = 0; sequence < PromptRequest.MAX_SEQUENCES; sequence++) {
        keys.add(SamplingRequest.sequenceKey(key, sequence));
        assertThat(SamplingRequest.sequenceKey(key, sequence))
            .isEqualTo(SamplingRequest.sequenceKey(key, sequence));
      }
    }
    assertThat(keys).hasSize(4 * PromptRequest.MAX_SEQUENCES);
  }
}
