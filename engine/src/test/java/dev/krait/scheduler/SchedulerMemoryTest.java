package dev.krait.scheduler;

import static dev.krait.scheduler.SchedulerRig.finished;
import static dev.krait.scheduler.SchedulerRig.prompt;
import static dev.krait.scheduler.SchedulerRig.skipTokens;
import static dev.krait.scheduler.SchedulerRig.stops;
import static dev.krait.scheduler.SchedulerRig.tokens;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.GenerationEvent.PromptLogprobs;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Who gives way when blocks run out, and comes back.
class SchedulerMemoryTest {
  private final SchedulerRig rig = new SchedulerRig();

  @Test
  void theLatestArrivalGivesWayAndComesBackBeforeThoseThatWait() {
    rig.rebuild(5, 16);
    rig.add(6, 12);
    TokenStream second = rig.add(6, 12);
    rig.step(7);
    TokenStream third = rig.add(8, 2);
    while (rig.scheduler().waitingAgain() == 0) {
      rig.step(7);
    }
    assertThat(rig.scheduler().running()).isEqualTo(1);
    assertThat(rig.scheduler().waiting()).isEqualTo(2);
    List<Long> released = new ArrayList<>();
    rig.scheduler().takeReleased(sequence -> released.add(sequence.id()));
    assertThat(released).containsExactly(2L);
    while (rig.scheduler().waitingAgain() > 0) {
      assertThat(third.poll()).isEmpty();
      rig.step(7);
    }
    while (rig.scheduler().waiting() + rig.scheduler().running() > 0) {
      rig.step(7);
    }
    assertThat(tokens(second)).hasSize(12);
    assertThat(finished(second).stats().preemptions()).isEqualTo(1);
    assertThat(tokens(third)).hasSize(2);
  }

  @Test
  void theLowestPriorityGivesWayWhoeverCameFirst() {
    rig.rebuild(5, 16);
    TokenStream low = rig.add(6, stops(20), 5, Long.MAX_VALUE);
    rig.step(7);
    TokenStream high = rig.add(6, stops(20), 0, Long.MAX_VALUE);
    while (rig.scheduler().waitingAgain() == 0) {
      rig.step(7);
    }
    rig.scheduler().cancel(low);
    assertThat(finished(skipTokens(low)).stats().preemptions()).isEqualTo(1);
    assertThat(rig.scheduler().running()).isEqualTo(1);
    rig.scheduler().cancel(high);
    assertThat(finished(skipTokens(high)).stats().preemptions()).isZero();
  }

  @Test
  void promptLogprobsAreDeliveredOnceAlthoughThePromptIsComputedTwice() {
    rig.rebuild(5, 16);
    rig.add(6, 12);
    SamplingParams sampling = SamplingParams.of(set -> set.promptLogprobs = 0);
    TokenStream second =
        new TokenStream(
            GenerationRequest.of("r", prompt(6), sampling, stops(12)), rig.clock().getAsLong());
    rig.scheduler().add(second);
    while (rig.scheduler().running() + rig.scheduler().waiting() > 0) {
      rig.step(7);
    }
    PromptLogprobs values = (PromptLogprobs) second.next();
    assertThat(values.values().stream().map(TokenLogprobs::tokenId)).containsExactly(2, 3, 4, 5, 6);
    assertThat(tokens(second)).hasSize(12);
    assertThat(finished(second).stats().preemptions()).isPositive();
  }

  @Test
  void aSequenceThatDoesNotFitAloneFailsAndTheOthersGoOn() {
    rig.rebuild(5, 16);
    TokenStream large = rig.add(17, 20);
    TokenStream small = rig.add(3, 2);
    for (int i = 0; i < 12; i++) {
      rig.step(7);
    }
    Failed failed = (Failed) skipTokens(large).next();
    assertThat(failed.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
    assertThat(failed.message()).contains("sequence of 21 tokens").contains("5 blocks of 4 tokens");
    assertThat(tokens(small)).hasSize(2);
    assertThat(rig.pools().blocksUsed()).isZero();
  }

  /// A prompt of 12 tokens leaves a state behind 8; the same prompt again starts with it.
  @Test
  void copiesOfStatesAreInThePlanOfTheNextSubmittedStep() {
    rig.rebuildWithPrefixes(20);
    rig.add(12, 1);
    rig.step(7);
    for (int again = 0; again < 2; again++) {
      StepPlan plan = rig.scheduler().schedule();
      assertThat(plan.cacheCopies()).isEqualTo(1);
      assertThat(plan.cacheCopy(0)).isEqualTo(new SlotCopy(0, 1));
    }
    rig.step(7);
    assertThat(rig.scheduler().running()).isZero();
    rig.add(12, 1);
    StepPlan plan = rig.scheduler().schedule();
    assertThat(plan.cacheCopies()).isEqualTo(1);
    assertThat(plan.cacheCopy(0)).as("slot 0 is that of an end").isEqualTo(new SlotCopy(1, 2));
    rig.scheduler().submitted(plan);
    rig.scheduler().update(plan, rig.answerWhereDue(plan, 7));
    assertThat(rig.scheduler().schedule().cacheCopies()).isZero();
  }

  @Test
  void a_head_without_room_waits_without_allocating() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    rig.rebuildWithPrefixes(8);
    rig.add(12, 3);
    rig.step(7);
    rig.step(7);
    rig.step(7);
    rig.add(20, 20);
    rig.step(7);
    rig.step(7);
    rig.add(30, 2);
    long least = Long.MAX_VALUE;
    for (int window = 0; window < 100 && least > 0; window++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 100; i++) {
        rig.scheduler().schedule();
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(rig.scheduler().waiting()).isEqualTo(1);
    assertThat(least).as("bytes in 100 steps").isZero();
  }
}
