package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class StepCostsTest {

  @Test
  void nothingIsKnownBeforeAMeasurement() {
    StepCosts costs = new StepCosts(8);
    assertThat(costs.isEmpty()).isTrue();
    assertThat(costs.estimate(3)).isZero();
  }

  @Test
  void timeIsInterpolatedBetweenSizesAndGrowsWithTheTokensBeyond() {
    StepCosts costs = new StepCosts(64);
    costs.observe(1, 100);
    costs.observe(5, 300);
    assertThat(costs.estimate(3)).isEqualTo(200);
    assertThat(costs.estimate(10)).isEqualTo(600);
  }

  @Test
  void ofTheFirstMeasurementsTheLeastCounts() {
    StepCosts costs = new StepCosts(8);
    costs.observe(2, 90_000);
    costs.observe(2, 400);
    costs.observe(2, 500);
    assertThat(costs.estimate(2)).isEqualTo(400);
  }

  @Test
  void anOutlierMovesTheEstimateLittleAndALastingChangeMovesItAll() {
    StepCosts costs = new StepCosts(8);
    for (int i = 0; i < 20; i++) {
      costs.observe(1, 100);
    }
    costs.observe(1, 100_000);
    assertThat(costs.estimate(1)).isLessThan(105);
    for (int i = 0; i < 200; i++) {
      costs.observe(1, 150);
    }
    assertThat(costs.estimate(1)).isCloseTo(150, within(2.0));
    for (int i = 0; i < 20; i++) {
      costs.observe(1, 50);
    }
    assertThat(costs.estimate(1)).isCloseTo(50, within(1.0));
  }

  @Test
  void aMachineThatSlowsDownSlowsSizesThatAreNotMeasuredNow() {
    StepCosts costs = new StepCosts(8);
    for (int i = 0; i < 20; i++) {
      costs.observe(1, 100);
    }
    for (int i = 0; i < 20; i++) {
      costs.observe(4, 250);
    }
    for (int i = 0; i < 300; i++) {
      costs.observe(4, 500);
    }
    assertThat(costs.estimate(1)).isCloseTo(200, within(4.0));
  }

  @Test
  void whatASizeShowsAfterALongTimeCorrectsItAlone() {
    StepCosts costs = new StepCosts(8);
    for (int i = 0; i < 20; i++) {
      costs.observe(1, 100);
    }
    for (int i = 0; i < 60; i++) {
      costs.observe(4, 250);
    }
    costs.observe(1, 50);
    assertThat(costs.estimate(1)).isLessThan(90);
    assertThat(costs.estimate(4)).isEqualTo(250);
  }

  @Test
  void sizesBeyondTheLimitAreLeftOut() {
    StepCosts costs = new StepCosts(4);
    costs.observe(9, 100);
    assertThat(costs.isEmpty()).isTrue();
  }
}
