package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;

/// The policy against a machine of known costs and a drafter of known quality.
class MeasuredDraftLengthTest {
  private static final int MAX_DRAFTS = 4;
  private static final long DRAFT_NANOS = 20_000;

  /// Runs steps of one sequence of which each accepts `accepted` drafts at most, and counts drafted
  /// tokens of the last ones.
  private static int drafted(
      MeasuredDraftLength policy, int steps, int accepted, IntToLongFunction targetNanos) {
    Sequence sequence = new OneToken(1, 9);
    StepPlan plan = new StepPlan(1);
    Drafts drafts = new Drafts(1, MAX_DRAFTS, 8);
    int drafted = 0;
    for (int i = 0; i < steps; i++) {
      int length = policy.draftTokens(sequence, 1);
      plan.clear();
      plan.add(sequence, 1, length);
      drafts.clear();
      for (int j = 0; j < length; j++) {
        drafts.next(0).setCertain(1);
        drafts.add(0, 1, 1);
      }
      policy.observeStep(
          plan, drafts, 0, length * DRAFT_NANOS, targetNanos.applyAsLong(1 + length));
      policy.observe(sequence, length, length, Math.min(length, accepted));
      drafted += i >= steps - 100 ? length : 0;
    }
    return drafted;
  }

  @Test
  void rightDraftsOnAMachineWhereTokensAreFreeAreAsLongAsAllowed() {
    MeasuredDraftLength policy = new MeasuredDraftLength("draft", MAX_DRAFTS, 64);
    assertThat(drafted(policy, 400, MAX_DRAFTS, tokens -> 1_000_000)).isGreaterThan(380);
    assertThat(policy.report().acceptance()).isGreaterThan(0.9);
    assertThat(policy.report().choices()).hasSize(MAX_DRAFTS + 1);
  }

  @Test
  void nothingIsDraftedWhereEvenPerfectDraftsWouldNotPay() {
    MeasuredDraftLength policy = new MeasuredDraftLength("draft", MAX_DRAFTS, 64);
    assertThat(drafted(policy, 400, MAX_DRAFTS, tokens -> tokens * 1_000_000L))
        .as("checks alone, which cost nothing there")
        .isLessThan(24);
    assertThat(policy.report().reason()).isEqualTo(DraftLengthReason.UNAFFORDABLE);
  }

  @Test
  void wrongDraftsAreGivenUpAndTakenUpAgainWhenTheyGetBetter() {
    MeasuredDraftLength policy = new MeasuredDraftLength("draft", MAX_DRAFTS, 64);
    IntToLongFunction cheap = tokens -> 1_000_000 + 50_000L * tokens;
    assertThat(drafted(policy, 800, 0, cheap)).as("two checks").isLessThan(30);
    assertThat(drafted(policy, 3000, MAX_DRAFTS, cheap)).isGreaterThan(300);
  }

  @Test
  void partlyRightDraftsAreShorter() {
    MeasuredDraftLength policy = new MeasuredDraftLength("draft", MAX_DRAFTS, 64);
    int drafted = drafted(policy, 800, 1, tokens -> 1_000_000 + 200_000L * tokens);
    assertThat(drafted).isBetween(80, 250);
  }

  @Test
  void aStepIsTakenForItsLongestDraftsWhicheverSequenceComesLast() {
    MeasuredDraftLength policy = new MeasuredDraftLength("draft", MAX_DRAFTS, 64);
    assertThat(drafted(policy, 400, MAX_DRAFTS, tokens -> 1_000_000 + 400_000L * tokens))
        .isPositive();
    Sequence right = new OneToken(1, 9);
    Sequence wrong = new OneToken(2, 9);
    for (int i = 0; i < 100; i++) {
      policy.observe(right, MAX_DRAFTS, MAX_DRAFTS, MAX_DRAFTS);
      policy.observe(wrong, MAX_DRAFTS, MAX_DRAFTS, 0);
    }
    assertThat(policy.draftTokens(right, 1)).isPositive();
    assertThat(policy.draftTokens(wrong, 1)).isZero();
    assertThat(policy.expectsToDraft()).isTrue();
  }
}
