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
  void aPromptIsCutWhereTheStepIsFull() {
    rig.rebuild(100, 10);
    rig.add(14, 9);
    rig.add(9, 9);
    rig.assertPlan("1:10");
    rig.step(7);
    rig.assertPlan("1:4", "2:6");
    rig.step(7);
    rig.assertPlan("1:1", "2:3");
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
    StepPlan plan = rig.scheduler().schedule();
    StepOutput answer = rig.answer(1, 7);
    rig.scheduler().submitted(plan);
    assertThatThrownBy(() -> rig.scheduler().update(plan, answer))
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
      rig.scheduler().submitted(plan);
      rig.scheduler().update(plan, rig.answerWhereDue(plan, 7));
    }
    streams.forEach(stream -> assertThat(tokens(stream)).hasSize(3));
  }

  @Test
  void the_next_plan_computes_what_the_step_in_flight_chooses() {
    rig.add(3, 9);
    rig.step(7);
    StepPlan first = rig.scheduler().schedule();
    rig.scheduler().submitted(first);
    rig.add(5, 9);
    StepPlan second = rig.scheduler().schedule();
    assertThat(second).isNotSameAs(first);
    rig.assertPlan("1:1", "2:5");
    assertThat(second.firstPosition(0)).isEqualTo(4);
    assertThat(second.sourceEntry(0)).isZero();
    assertThat(second.choosesToken(0)).isTrue();
    assertThat(second.sourceEntry(1)).isEqualTo(-1);
    rig.scheduler().submitted(second);
    assertThatThrownBy(() -> rig.scheduler().schedule())
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("steps in flight: 2");
    rig.scheduler().update(first, rig.answerWhereDue(first, 7));
    assertThat(second.tokenId(1, 4)).isEqualTo(5);
    rig.assertPlan();
    rig.scheduler().update(second, rig.answerWhereDue(second, 7));
    rig.assertPlan("1:1", "2:1");
  }

  @Test
  void a_step_is_answered_first_where_its_answer_is_needed() {
    rig.add(20, 9);
    submit();
    rig.assertPlan();
    rig.rebuild(100, 400);
    rig.draft(2);
    rig.add(3, 9);
    rig.step(7);
    submit();
    rig.assertPlan();
  }

  @Test
  void a_sequence_at_its_length_has_no_row_in_vain() {
    rig.add(3, 2);
    rig.add(3, 3);
    rig.step(7);
    StepPlan first = submit();
    rig.assertPlan("2:1");
    StepPlan second = submit();
    rig.scheduler().update(first, rig.answerWhereDue(first, 7));
    rig.scheduler().update(second, rig.answerWhereDue(second, 7));
    assertThat(rig.scheduler().running()).isZero();
    assertThat(rig.pools().blocksUsed()).isZero();
  }

  @Test
  void the_row_of_a_sequence_that_had_stopped_is_dropped() {
    TokenStream stream = rig.add(3, 9);
    rig.step(7);
    StepPlan first = submit();
    StepPlan second = submit();
    assertThat(second.size()).isEqualTo(1);
    rig.scheduler().update(first, rig.answerWhereDue(first, SchedulerRig.STOP));
    assertThat(rig.scheduler().running()).isZero();
    rig.assertPlan();
    assertThat(rig.scheduler().update(second, rig.answerWhereDue(second, 8))).isZero();
    assertThat(tokens(stream)).containsExactly(7, SchedulerRig.STOP);
    assertThat(rig.pools().blocksUsed()).isZero();
  }

  @Test
  void nobody_gives_way_while_a_step_is_in_flight() {
    rig.rebuild(4, 400);
    rig.add(7, 9);
    rig.add(7, 9);
    rig.step(7);
    StepPlan first = submit();
    rig.pools().checkIntegrity();
    rig.assertPlan();
    assertThat(rig.scheduler().running()).isEqualTo(2);
    rig.scheduler().update(first, rig.answerWhereDue(first, 7));
    rig.assertPlan("1:1");
    assertThat(rig.scheduler().waitingAgain()).isEqualTo(1);
  }

  private StepPlan submit() {
    StepPlan plan = rig.scheduler().schedule();
    rig.scheduler().submitted(plan);
    return plan;
  }

  @Test
  void the_answer_to_a_sequence_that_ended_in_flight_is_dropped() {
    TokenStream stream = rig.add(3, 9);
    rig.step(7);
    StepPlan plan = rig.scheduler().schedule();
    rig.scheduler().submitted(plan);
    rig.scheduler().cancel(stream);
    assertThat(rig.scheduler().update(plan, rig.answerWhereDue(plan, 8))).isZero();
    assertThat(tokens(stream)).containsExactly(7);
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.CANCELLED);
  }
}
