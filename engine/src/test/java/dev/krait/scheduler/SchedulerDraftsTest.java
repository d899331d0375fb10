package dev.krait.scheduler;

import static dev.krait.scheduler.SchedulerRig.STOP;
import static dev.krait.scheduler.SchedulerRig.finished;
import static dev.krait.scheduler.SchedulerRig.tokens;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.TokenStream;
import org.junit.jupiter.api.Test;

/// What is drafted, and what becomes of accepted drafts.
class SchedulerDraftsTest {
  private final SchedulerRig rig = new SchedulerRig();

  @Test
  void draftsFollowGeneratedTokensOnlyAndNeverThePrompt() {
    rig.draft(3);
    rig.add(1, 9);
    rig.assertPlan("1:1");
    rig.step(7);
    rig.assertPlan("1:1+3");
  }

  @Test
  void a_step_without_drafts_goes_ahead_of_an_answer_and_one_with_drafts_does_not() {
    rig.add(3, 9);
    rig.step(7);
    StepPlan first = rig.scheduler().schedule();
    rig.scheduler().submitted(first);
    rig.assertPlan("1:1");
    rig.draft(2);
    rig.assertPlan();
    rig.pools().checkIntegrity();
    rig.scheduler().update(first, rig.answerWhereDue(first, 7));
    rig.assertPlan("1:1+2");
  }

  @Test
  void draftsNeverGoBeyondTheOutputThatIsLeft() {
    rig.draft(4);
    TokenStream stream = rig.add(2, 4);
    rig.step(7);
    rig.assertPlan("1:1+3");
    rig.step(7, 7);
    rig.assertPlan("1:1+1");
    rig.step(7, 8);
    assertThat(tokens(stream)).containsExactly(7, 7, 7, 7);
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(rig.observed()).containsExactly("1: 1 of 3", "1: 1 of 1");
    assertThat(finished(stream).stats().acceptedTokens()).isEqualTo(2);
    assertThat(finished(stream).stats().draftedTokens()).isEqualTo(4);
    assertThat(rig.scheduler().stats().acceptedAt(0)).isEqualTo(1);
  }

  @Test
  void draftsTakeOnlyTokensThatNobodyNeeds() {
    rig.draft(4);
    rig.rebuild(100, 6);
    rig.add(2, 9);
    rig.add(2, 9);
    rig.step(7);
    rig.assertPlan("1:1+4", "2:1");
    rig.step(7);
    rig.add(3, 9);
    rig.assertPlan("1:1+1", "2:1", "3:3");
  }

  @Test
  void withoutBlocksForDraftsTheStepGoesOnPlainlyAndNobodyIsPreempted() {
    rig.draft(4);
    rig.rebuild(4, 16);
    rig.add(6, 9);
    rig.add(6, 9);
    rig.step(7);
    rig.assertPlan("1:1", "2:1");
    assertThat(rig.scheduler().running()).isEqualTo(2);
  }

  @Test
  void tokensAfterAStopInTheAcceptedSpanAreDropped() {
    rig.draft(3);
    TokenStream stream = rig.add(2, 9);
    rig.step(7);
    rig.scheduler().schedule();
    rig.step(5, STOP, 6, 6);
    Tokens tokens = (Tokens) stream.next();
    assertThat(tokens.ids().toArray()).containsExactly(7, 5, STOP);
    assertThat(tokens.endsWithStopToken()).isTrue();
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.STOP);
    assertThat(finished(stream).stopTokenId()).hasValue(STOP);
    assertThat(finished(stream).stats().generatedTokens()).isEqualTo(3);
    assertThat(rig.pools().blocksUsed() + rig.pools().slotsUsed()).isZero();
  }
}
