package dev.krait.scheduler;

import static dev.krait.scheduler.SchedulerRig.STOP;
import static dev.krait.scheduler.SchedulerRig.finished;
import static dev.krait.scheduler.SchedulerRig.stops;
import static dev.krait.scheduler.SchedulerRig.tokens;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Who gets tokens of a step, and how sequences end.
class SchedulerTest {
  private final SchedulerRig rig = new SchedulerRig();

  @Test
  void runningSequencesGetTheirTokenFirstAndPromptsShareTheRestInOrder() {
    rig.add(3, 9);
    rig.step(7);
    rig.add(20, 9);
    rig.add(5, 9);
    rig.assertPlan("1:1", "2:15");
    rig.step(7);
    rig.assertPlan("1:1", "2:5", "3:5");
    rig.step(7);
    rig.assertPlan("1:1", "2:1", "3:1");
  }

  @Test
  void aPromptIsCutAtMultiplesOnlyAndAlwaysGetsOn() {
    rig.rebuild(100, 10, 9, 4);
    rig.add(14, 9);
    rig.add(5, 9);
    rig.assertPlan("1:8");
    rig.step(7);
    rig.assertPlan("1:6", "2:4");
    rig.step(7);
    rig.assertPlan("1:1", "2:1");
  }

  @Test
  void aStopTokenEndsOnlyAfterTheLeastNumberOfTokens() {
    TokenStream stream = rig.add(2, new StopConditions(9, 2, TokenIds.of(STOP)), 0, Long.MAX_VALUE);
    rig.step(STOP);
    rig.step(STOP);
    assertThat(stream.poll()).isPresent();
    rig.step(STOP);
    assertThat(((Tokens) stream.next()).endsWithStopToken()).isTrue();
    assertThat(finished(stream).stats().generatedTokens()).isEqualTo(3);
  }

  @Test
  void aRequestForNoTokenComputesItsPromptAndEnds() {
    TokenStream stream = rig.add(20, 0);
    rig.step(7);
    assertThat(stream.poll()).isEmpty();
    rig.step(7);
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(finished(stream).stats().generatedTokens()).isZero();
    assertThat(finished(stream).stats().firstTokenNanos()).isEmpty();
    assertThat(rig.scheduler().schedule().isEmpty()).isTrue();
  }

  @Test
  void urgentRequestsAreAdmittedBeforeOlderOnes() {
    rig.add(16, 5);
    rig.step(7);
    rig.add(16, 5);
    rig.add(16, stops(5), -1, Long.MAX_VALUE);
    rig.assertPlan("1:1", "3:15");
  }

  @Test
  void deadlinesEndWaitingAndRunningSequencesAndTimesAreTold() {
    rig.clock().advance(100);
    TokenStream running = rig.add(3, stops(9), 0, 500);
    rig.clock().advance(50);
    rig.step(7);
    TokenStream waiting = rig.add(3, stops(9), 0, 400);
    rig.clock().advance(249);
    rig.scheduler().schedule();
    assertThat(rig.scheduler().running()).isEqualTo(2);
    rig.clock().advance(1);
    rig.scheduler().schedule();
    assertThat(finished(waiting).reason()).isEqualTo(FinishReason.DEADLINE);
    rig.clock().advance(100);
    TokenStream late = rig.add(3, stops(9), 0, 450);
    rig.scheduler().schedule();
    assertThat(tokens(running)).containsExactly(7);
    Finished end = finished(running);
    assertThat(end.reason()).isEqualTo(FinishReason.DEADLINE);
    assertThat(end.stats().arrivalNanos()).isEqualTo(100);
    assertThat(end.stats().firstScheduledNanos()).hasValue(150);
    assertThat(end.stats().firstTokenNanos()).hasValue(150);
    assertThat(end.stats().finishedNanos()).isEqualTo(500);
    assertThat(finished(late).stats().firstScheduledNanos()).isEmpty();
    assertThat(rig.scheduler().departures()).isEqualTo(3);
    assertThat(rig.scheduler().running() + rig.scheduler().waiting()).isZero();
  }

  @Test
  void anAnswerThatDoesNotFitThePlanIsAnError() {
    rig.add(20, 5);
    assertThatThrownBy(() -> rig.scheduler().update(rig.scheduler().schedule(), rig.answer(1, 7)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("new tokens of sequence 1: 1 (expected: 0 to 0)");
  }

  @Test
  void moreSequencesThanTokensOfAStepStillEachGetOn() {
    rig.rebuild(100, 2);
    List<TokenStream> streams = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      streams.add(rig.add(3, 3));
    }
    while (rig.scheduler().running() + rig.scheduler().waiting() > 0) {
      StepPlan plan = rig.scheduler().schedule();
      assertThat(plan.totalTokens()).isBetween(1, 2);
      rig.scheduler().update(plan, rig.answerWhereDue(plan, 7));
    }
    streams.forEach(stream -> assertThat(tokens(stream)).hasSize(3));
  }
}
