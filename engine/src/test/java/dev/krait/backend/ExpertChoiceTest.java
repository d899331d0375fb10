package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.krait.model.Activation;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.RoutedMlp.Score;
import dev.krait.tensor.Buffer;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Choices and weights that were worked out by hand.
class ExpertChoiceTest {
  private static final Offset<Float> CLOSE = within(1e-6f);
  private final int[] chosen = new int[3];
  private final float[] weights = new float[3];

  private void choose(Router router, int perToken, int shared, float[] logits, float... bias) {
    int experts = logits.length - (shared > 0 ? 1 : 0);
    RoutedMlp mixer = new RoutedMlp(experts, perToken, router, true, Activation.SILU, 1, shared, 0);
    Optional<Buffer> own = bias.length == 0 ? Optional.empty() : Optional.of(HostBuffer.over(bias));
    new ExpertChoice(mixer).choose(logits, 0, own, chosen, weights, 0);
  }

  /// The logit whose sigmoid is `score`.
  private static float logit(double score) {
    return (float) Math.log(score / (1 - score));
  }

  private static Router sigmoid(boolean bias, float scale, int groups, int kept) {
    return new Router(Score.SIGMOID, bias, true, 0, scale, groups, kept);
  }

  @Test
  void softmaxOverAllExpertsKeepsItsWeights() {
    float[] logits = {(float) Math.log(1), (float) Math.log(4), (float) Math.log(3)};
    choose(Router.softmax(false), 2, 0, logits);
    assertThat(chosen).startsWith(1, 2);
    assertThat(weights[0]).isCloseTo(0.5f, CLOSE);
    assertThat(weights[1]).isCloseTo(0.375f, CLOSE);
  }

  @Test
  void softmaxOverTheChosenSumsUpToOne() {
    float[] logits = {(float) Math.log(1), (float) Math.log(4), (float) Math.log(3)};
    choose(Router.softmax(true), 2, 0, logits);
    assertThat(chosen).startsWith(1, 2);
    assertThat(weights[0]).isCloseTo(4f / 7, CLOSE);
    assertThat(weights[1]).isCloseTo(3f / 7, CLOSE);
  }

  @Test
  void ofEqualScoresTheLowerIndexIsChosen() {
    choose(Router.softmax(true), 2, 0, new float[] {0, 1, 1, 1});
    assertThat(chosen).startsWith(1, 2);
  }

  @Test
  void aBiasChoosesAndDoesNotWeigh() {
    float[] logits = {logit(0.5), logit(0.4), logit(0.2)};
    choose(sigmoid(true, 2, 1, 1), 2, 0, logits, 0, 0, 1);
    assertThat(chosen).startsWith(2, 0);
    assertThat(weights[0]).isCloseTo(2 * 0.2f / 0.7f, CLOSE);
    assertThat(weights[1]).isCloseTo(2 * 0.5f / 0.7f, CLOSE);
  }

  @Test
  void groupsAreKeptByTheSumOfTheirTwoBest() {
    // The largest score is in the first group, whose two best sum up to less.
    float[] logits = {logit(0.9), logit(0.1), logit(0.6), logit(0.5)};
    choose(sigmoid(false, 1, 2, 1), 2, 0, logits);
    assertThat(chosen).startsWith(2, 3);
    assertThat(weights[0]).isCloseTo(0.6f / 1.1f, CLOSE);
  }

  @Test
  void aSharedExpertIsAlwaysChosenAndWeighedByItsSigmoid() {
    choose(Router.softmax(true), 1, 8, new float[] {0, 3, logit(0.25)});
    assertThat(chosen).startsWith(1, 2);
    assertThat(weights[0]).isEqualTo(1);
    assertThat(weights[1]).isCloseTo(0.25f, CLOSE);
  }
}
