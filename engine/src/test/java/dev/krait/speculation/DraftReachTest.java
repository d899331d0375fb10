package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class DraftReachTest {
  @Test
  void draftersThatNeverEndSoonerGiveTheGeometricSum() {
    DraftReach reach = new DraftReach();
    for (int i = 0; i < 100; i++) {
      reach.observe(3, 3, i % 4);
    }
    assertThat(reach.share(1)).isEqualTo(1);
    assertThat(reach.share(3)).isEqualTo(1);
    assertThat(reach.expectedTokens(3, 0.5)).isCloseTo(1.875, within(1e-12));
    assertThat(reach.expectedTokens(0, 0.5)).isEqualTo(1);
  }

  /// Of four iterations one ends after the first draft, which is wrong; the others make all.
  @Test
  void earlyEndsAreCountedBehindAnyDraftAndBehindAcceptedOnes() {
    DraftReach reach = new DraftReach();
    for (int i = 0; i < 2000; i++) {
      boolean unsure = i % 4 == 0;
      reach.observe(2, unsure ? 1 : 2, unsure ? 0 : 2);
    }
    assertThat(reach.share(2)).isCloseTo(0.75, within(0.02));
    assertThat(reach.expectedTokens(2, 0.75))
        .as("what was accepted always went on")
        .isCloseTo(1 + 0.75 + 0.75 * 0.75, within(1e-9));
  }

  @Test
  void theLastAllowedDraftSaysNothing() {
    DraftReach reach = new DraftReach();
    for (int i = 0; i < 100; i++) {
      reach.observe(1, 1, 1);
    }
    assertThat(reach.share(5)).isEqualTo(1);
  }
}
