package dev.krait.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenLogprobs;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LogprobsTest {
  private static final int VOCABULARY = 300;

  @Test
  void allAlternativesComeInTheOrderOfTheBestOnes() {
    float[] logits = new float[VOCABULARY];
    Random random = new Random(3);
    for (int i = 0; i < VOCABULARY; i++) {
      logits[i] = random.nextInt(40) - 20;
    }
    logits[7] = -0f;
    logits[8] = 0f;
    Logprobs logprobs = new Logprobs(VOCABULARY);
    TokenLogprobs all = logprobs.of(logits, 7, SamplingParams.ALL_LOGPROBS);
    TokenLogprobs most = logprobs.of(logits, 7, VOCABULARY - 1);
    assertThat(all.topCount()).isEqualTo(VOCABULARY);
    assertThat(all.logprob()).isEqualTo(most.logprob());
    double mass = 0;
    for (int i = 0; i < VOCABULARY; i++) {
      mass += Math.exp(all.topLogprob(i));
      if (i < VOCABULARY - 1) {
        assertThat(all.topId(i)).isEqualTo(most.topId(i));
        assertThat(all.topLogprob(i)).isEqualTo(most.topLogprob(i));
      }
    }
    assertThat(mass).isBetween(0.9999, 1.0001);
    assertThat(all.topId(all.rank())).isEqualTo(firstEqual(logits, 7));
  }

  private static int firstEqual(float[] logits, int id) {
    int first = 0;
    while (logits[first] != logits[id]) {
      first++;
    }
    return first;
  }
}
