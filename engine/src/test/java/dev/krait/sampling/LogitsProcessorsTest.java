package dev.krait.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Processors change a row by the tokens they stand behind, however they got there.
class LogitsProcessorsTest {
  private static final int VOCAB = 500;
  private static final float BANNED = Float.NEGATIVE_INFINITY;

  private static GenerationRequest request(
      float repetition, float presence, float frequency, Map<Integer, Float> bias, int minTokens) {
    return GenerationRequest.of(
        "r",
        TokenIds.of(1, 2, 2, 3),
        SamplingParams.of(set -> {
          set.temperature = 1;
          set.repetitionPenalty = repetition;
          set.presencePenalty = presence;
          set.frequencyPenalty = frequency;
          set.logitBias = bias;
        }),
        new StopConditions(10_000, minTokens, TokenIds.of(8, 9)));
  }

  /// Only tokens below 480 but 462, and not 5, nor 1 2, nor 3 3 3.
  private static GenerationRequest restricted(float repetition) {
    int[] allowed = IntStream.range(0, 480).filter(id -> id != 17).map(id -> 479 - id).toArray();
    SamplingParams params =
        SamplingParams.of(set -> {
          set.temperature = 1;
          set.repetitionPenalty = repetition;
          set.allowedTokenIds = TokenIds.of(allowed);
          set.badWords = List.of(TokenIds.of(5), TokenIds.of(1, 2), TokenIds.of(3, 3, 3));
        });
    StopConditions stop = new StopConditions(10_000, 0, TokenIds.of(8, 9));
    return GenerationRequest.of("r", TokenIds.of(1, 2, 2, 3), params, stop);
  }

  private static float[] row(long seed) {
    Random random = new Random(seed);
    float[] logits = new float[VOCAB];
    for (int i = 0; i < VOCAB; i++) {
      logits[i] = (float) (4 * random.nextGaussian());
    }
    return logits;
  }

  private static float[] applied(LogitsProcessors processors, float[] logits) {
    float[] changed = logits.clone();
    processors.apply(changed);
    return changed;
  }

  @Test
  void penaltiesBiasAndMinimumLengthChangeWhatTheySay() {
    LogitsProcessors processors =
        LogitsProcessors.of(request(2, 0.5f, 0.25f, Map.of(3, 1f, 5, -3f), 3));
    processors.accept(4);
    processors.accept(2);
    processors.accept(4);
    float[] logits = new float[VOCAB];
    Arrays.fill(logits, 0, 5, 8);
    Arrays.fill(logits, 5, 10, -8);
    assertThat(Arrays.copyOf(applied(processors, logits), 10))
        .as("in the prompt 1 2 3, in the output 2 once and 4 twice, minimum length reached")
        .containsExactly(8, 4, 4 - 0.75f, 4 + 1, 4 - 1, -8 - 3, -8, -8, -8, -8);
    processors.rollback(1);
    assertThat(Arrays.copyOf(applied(processors, logits), 10))
        .as("4 once, one token short of the minimum")
        .containsExactly(8, 4, 4 - 0.75f, 4 + 1, 4 - 0.75f, -8 - 3, -8, -8, BANNED, BANNED);
  }

  @Test
  void allowedTokensAndBadWordsExcludeTheOthers() {
    LogitsProcessors processors = LogitsProcessors.of(restricted(1));
    float[] logits = row(1);
    processors.accept(1);
    float[] changed = applied(processors, logits);
    assertThat(changed[2]).as("1 2").isEqualTo(BANNED);
    assertThat(changed[3]).isEqualTo(logits[3]);
    assertThat(changed[5]).as("a bad word of one token").isEqualTo(BANNED);
    assertThat(changed[462]).as("not in the list").isEqualTo(BANNED);
    assertThat(changed[480]).as("behind the list").isEqualTo(BANNED);
    processors.accept(3);
    processors.accept(3);
    assertThat(applied(processors, logits)[2]).isEqualTo(logits[2]);
    assertThat(applied(processors, logits)[3]).as("3 3 3").isEqualTo(BANNED);
    processors.rollback(1);
    assertThat(applied(processors, logits)[3]).isEqualTo(logits[3]);
  }

  @Test
  void aRequestThatChangesNothingHasNoActiveProcessor() {
    LogitsProcessors none = LogitsProcessors.of(request(1, 0, 0, Map.of(), 0));
    none.accept(3);
    assertThat(none.isActive()).isFalse();
    LogitsProcessors length = LogitsProcessors.of(request(1, 0, 0, Map.of(), 2));
    length.accept(3);
    assertThat(length.isActive()).isTrue();
    length.accept(3);
    assertThat(length.isActive()).isFalse();
    length.rollback(1);
    assertThat(length.isActive()).isTrue();
  }

  @Test
  void acceptedAndRolledBackTokensLeaveNoTrace() {
    List<GenerationRequest> requests =
        List.of(
            request(1.3f, 0, 0, Map.of(), 0),
            request(1, 0.7f, 0.4f, Map.of(7, 2f), 40),
            request(0.5f, -1, 1.5f, Map.of(0, -5f, 499, 3f), 200),
            restricted(1.1f));
    for (GenerationRequest request : requests) {
      Random random = new Random(19);
      LogitsProcessors processors = LogitsProcessors.of(request);
      List<Integer> output = new ArrayList<>();
      for (int round = 0; round < 400; round++) {
        int tokens = random.nextInt(6);
        for (int i = 0; i < tokens; i++) {
          output.add(random.nextInt(random.nextBoolean() ? VOCAB : 4));
          processors.accept(output.getLast());
        }
        int back = random.nextInt(tokens + 1);
        processors.rollback(back);
        output.subList(output.size() - back, output.size()).clear();
        LogitsProcessors replayed = LogitsProcessors.of(request);
        output.forEach(replayed::accept);
        float[] logits = row(round);
        assertThat(applied(processors, logits)).isEqualTo(applied(replayed, logits));
        assertThat(applied(processors, logits)).isEqualTo(written(request, output, logits));
      }
    }
  }

  /// The meaning, written out from all tokens.
  private static float[] written(GenerationRequest request, List<Integer> output, float[] logits) {
    SamplingParams params = request.sampling();
    float[] changed = logits.clone();
    for (int id = 0; id < VOCAB; id++) {
      int token = id;
      int count = (int) output.stream().filter(each -> each == token).count();
      if (count > 0 || request.promptIds().contains(id)) {
        changed[id] =
            changed[id] > 0
                ? changed[id] / params.repetitionPenalty()
                : changed[id] * params.repetitionPenalty();
      }
      if (count > 0) {
        changed[id] -= params.presencePenalty() + count * params.frequencyPenalty();
      }
      changed[id] += params.logitBias().getOrDefault(id, 0f);
      if (output.size() < request.stop().minTokens()
          && request.stop().stopTokenIds().contains(id)) {
        changed[id] = BANNED;
      }
      TokenIds allowed = params.allowedTokenIds();
      changed[id] = allowed.size() > 0 && !allowed.contains(id) ? BANNED : changed[id];
      List<Integer> next = new ArrayList<>(output);
      next.add(id);
      for (TokenIds word : params.badWords()) {
        List<Integer> ids = Arrays.stream(word.toArray()).boxed().toList();
        int from = next.size() - ids.size();
        boolean says = from >= 0 && next.subList(from, next.size()).equals(ids);
        changed[id] = says ? BANNED : changed[id];
      }
    }
    return changed;
  }
}
