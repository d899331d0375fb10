package dev.krait.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.cache.CacheDemand;
import dev.krait.cache.CacheLayout;
import dev.krait.cache.CachePools;
import dev.krait.cache.CacheSpec.KvCacheSpec;
import dev.krait.cache.CacheSpec.StateSpec;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.PromptLogprobs;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import dev.krait.testing.FakeClock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private static final int BLOCK = 4;
  private static final int MAX_DRAFTS = 4;
  private static final int STOP = 99;

  private final FakeClock clock = new FakeClock();
  private final List<String> observed = new ArrayList<>();
  private int draftLength;
  private CachePools pools = pools(100);
  private Scheduler scheduler = scheduler(16, 16, 1);

  private static CachePools pools(int blocks) {
    CacheDemand demand =
        new CacheDemand(
            List.of(new KvCacheSpec(1, 1, 4), new StateSpec(1, 1, 2, 1)),
            List.of(),
            BLOCK,
            4,
            400,
            MAX_DRAFTS + 1);
    return new CachePools(new CacheLayout(demand, 0, blocks, 4));
  }

  private Scheduler scheduler(int perStep, int perChunk, int multiple) {
    DraftLengths lengths =
        new DraftLengths() {
          @Override
          public int draftTokens(Sequence sequence, int runningSequences) {
            return draftLength;
          }

          @Override
          public void observe(Sequence sequence, int drafted, int accepted) {
            observed.add(sequence.id() + ": " + accepted + " of " + drafted);
          }
        };
    return new Scheduler(
        new SchedulerConfig(4, perStep, perChunk, multiple, MAX_DRAFTS), pools, lengths, clock);
  }

  private void rebuild(int blocks, int perStep) {
    pools = pools(blocks);
    scheduler = scheduler(perStep, perStep, 1);
  }

  @Test
  void running_sequences_get_their_token_first_and_prompts_share_the_rest_in_order() {
    add(3, 9);
    step(7);
    add(20, 9);
    add(5, 9);
    assertPlan("1:1", "2:15");
    step(7);
    assertPlan("1:1", "2:5", "3:5");
    step(7);
    assertPlan("1:1", "2:1", "3:1");
  }

  @Test
  void a_prompt_is_cut_at_multiples_only_and_always_gets_on() {
    scheduler = scheduler(10, 9, 4);
    add(14, 9);
    add(5, 9);
    assertPlan("1:8");
    step(7);
    assertPlan("1:6", "2:4");
    step(7);
    assertPlan("1:1", "2:1");
  }

  @Test
  void drafts_follow_generated_tokens_only_and_never_the_prompt() {
    draftLength = 3;
    add(1, 9);
    assertPlan("1:1");
    step(7);
    assertPlan("1:1+3");
  }

  @Test
  void drafts_never_go_beyond_the_output_that_is_left() {
    draftLength = 4;
    TokenStream stream = add(2, 4);
    step(7);
    assertPlan("1:1+3");
    step(7, 7);
    assertPlan("1:1+1");
    step(7, 8);
    assertThat(tokens(stream)).containsExactly(7, 7, 7, 7);
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(observed).containsExactly("1: 1 of 3", "1: 1 of 1");
    assertThat(finished(stream).stats().acceptedTokens()).isEqualTo(2);
    assertThat(finished(stream).stats().draftedTokens()).isEqualTo(4);
    assertThat(scheduler.tally().acceptedAt(0)).isEqualTo(1);
  }

  @Test
  void drafts_take_only_tokens_that_nobody_needs() {
    draftLength = 4;
    rebuild(100, 6);
    add(2, 9);
    add(2, 9);
    step(7);
    assertPlan("1:1+4", "2:1");
    step(7);
    add(3, 9);
    assertPlan("1:1+1", "2:1", "3:3");
  }

  @Test
  void without_blocks_for_drafts_the_step_goes_on_plainly_and_nobody_is_preempted() {
    draftLength = 4;
    rebuild(4, 16);
    add(6, 9);
    add(6, 9);
    step(7);
    assertPlan("1:1", "2:1");
    assertThat(scheduler.running()).isEqualTo(2);
  }

  @Test
  void tokens_after_a_stop_in_the_accepted_span_are_dropped() {
    draftLength = 3;
    TokenStream stream = add(2, 9);
    step(7);
    scheduler.schedule();
    step(5, STOP, 6, 6);
    Tokens tokens = (Tokens) stream.next();
    assertThat(tokens.ids().toArray()).containsExactly(7, 5, STOP);
    assertThat(tokens.endsWithStopToken()).isTrue();
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.STOP);
    assertThat(finished(stream).stopTokenId()).hasValue(STOP);
    assertThat(finished(stream).stats().generatedTokens()).isEqualTo(3);
    assertThat(pools.blocksUsed() + pools.slotsUsed()).isZero();
  }

  @Test
  void a_stop_token_ends_only_after_the_least_number_of_tokens() {
    TokenStream stream = add(2, new StopConditions(9, 2, TokenIds.of(STOP)), 0, Long.MAX_VALUE);
    step(STOP);
    step(STOP);
    assertThat(stream.poll()).isPresent();
    step(STOP);
    assertThat(((Tokens) stream.next()).endsWithStopToken()).isTrue();
    assertThat(finished(stream).stats().generatedTokens()).isEqualTo(3);
  }

  @Test
  void a_request_for_no_token_computes_its_prompt_and_ends() {
    TokenStream stream = add(20, 0);
    step(7);
    assertThat(stream.poll()).isEmpty();
    step(7);
    assertThat(finished(stream).reason()).isEqualTo(FinishReason.LENGTH);
    assertThat(finished(stream).stats().generatedTokens()).isZero();
    assertThat(finished(stream).stats().firstTokenNanos()).isEmpty();
    assertThat(scheduler.schedule().isEmpty()).isTrue();
  }

  @Test
  void the_latest_arrival_gives_way_and_comes_back_before_those_that_wait() {
    rebuild(5, 16);
    add(6, 12);
    TokenStream second = add(6, 12);
    step(7);
    TokenStream third = add(8, 2);
    while (scheduler.waitingAgain() == 0) {
      step(7);
    }
    assertThat(scheduler.running()).isEqualTo(1);
    assertThat(scheduler.waiting()).isEqualTo(2);
    List<Long> released = new ArrayList<>();
    scheduler.takeReleased(sequence -> released.add(sequence.id()));
    assertThat(released).containsExactly(2L);
    while (scheduler.waitingAgain() > 0) {
      assertThat(third.poll()).isEmpty();
      step(7);
    }
    while (scheduler.waiting() + scheduler.running() > 0) {
      step(7);
    }
    assertThat(tokens(second)).hasSize(12);
    assertThat(finished(second).stats().preemptions()).isEqualTo(1);
    assertThat(tokens(third)).hasSize(2);
  }

  @Test
  void the_lowest_priority_gives_way_whoever_came_first() {
    rebuild(5, 16);
    TokenStream low = add(6, stops(20), 5, Long.MAX_VALUE);
    step(7);
    TokenStream high = add(6, stops(20), 0, Long.MAX_VALUE);
    while (scheduler.waitingAgain() == 0) {
      step(7);
    }
    scheduler.cancel(low);
    assertThat(finished(skipTokens(low)).stats().preemptions()).isEqualTo(1);
    assertThat(scheduler.running()).isEqualTo(1);
    scheduler.cancel(high);
    assertThat(finished(skipTokens(high)).stats().preemptions()).isZero();
  }

  @Test
  void urgent_requests_are_admitted_before_older_ones() {
    add(16, 5);
    step(7);
    add(16, 5);
    add(16, stops(5), -1, Long.MAX_VALUE);
    assertPlan("1:1", "3:15");
  }

  @Test
  void prompt_logprobs_are_delivered_once_although_the_prompt_is_computed_twice() {
    rebuild(5, 16);
    add(6, 12);
    SamplingParams sampling = new SamplingParams(0, 0, 1, 0, 0, true, 1, 0, 0, Map.of(), -1, 0);
    TokenStream second =
        new TokenStream(
            GenerationRequest.of("r", prompt(6), sampling, stops(12)), clock.getAsLong());
    scheduler.add(second);
    while (scheduler.running() + scheduler.waiting() > 0) {
      step(7);
    }
    PromptLogprobs values = (PromptLogprobs) second.next();
    assertThat(values.values().stream().map(TokenLogprobs::tokenId)).containsExactly(2, 3, 4, 5, 6);
    assertThat(tokens(second)).hasSize(12);
    assertThat(finished(second).stats().preemptions()).isPositive();
  }

  @Test
  void a_sequence_that_does_not_fit_alone_fails_and_the_others_go_on() {
    rebuild(5, 16);
    TokenStream large = add(17, 20);
    TokenStream small = add(3, 2);
    for (int i = 0; i < 12; i++) {
      step(7);
    }
    Failed failed = (Failed) skipTokens(large).next();
    assertThat(failed.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
    assertThat(failed.message()).contains("sequence of 21 tokens").contains("5 blocks of 4 tokens");
    assertThat(tokens(small)).hasSize(2);
    assertThat(pools.blocksUsed()).isZero();
  }

  @Test
  void deadlines_end_waiting_and_running_sequences_and_times_are_told() {
    clock.advance(100);
    TokenStream running = add(3, stops(9), 0, 500);
    clock.advance(50);
    step(7);
    TokenStream waiting = add(3, stops(9), 0, 400);
    clock.advance(249);
    scheduler.schedule();
    assertThat(scheduler.running()).isEqualTo(2);
    clock.advance(1);
    scheduler.schedule();
    assertThat(finished(waiting).reason()).isEqualTo(FinishReason.DEADLINE);
    clock.advance(100);
    TokenStream late = add(3, stops(9), 0, 450);
    scheduler.schedule();
    assertThat(tokens(running)).containsExactly(7);
    Finished end = finished(running);
    assertThat(end.reason()).isEqualTo(FinishReason.DEADLINE);
    assertThat(end.stats().arrivalNanos()).isEqualTo(100);
    assertThat(end.stats().firstScheduledNanos()).hasValue(150);
    assertThat(end.stats().firstTokenNanos()).hasValue(150);
    assertThat(end.stats().finishedNanos()).isEqualTo(500);
    assertThat(finished(late).stats().firstScheduledNanos()).isEmpty();
    assertThat(scheduler.departures()).isEqualTo(3);
    assertThat(scheduler.running() + scheduler.waiting()).isZero();
  }

  @Test
  void an_answer_that_does_not_fit_the_plan_is_an_error() {
    add(20, 5);
    assertThatThrownBy(() -> scheduler.update(scheduler.schedule(), answer(1, 7)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("new tokens of sequence 1: 1 (expected: 0 to 0)");
  }

  @Test
  void more_sequences_than_tokens_of_a_step_still_each_get_on() {
    rebuild(100, 2);
    List<TokenStream> streams = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      streams.add(add(3, 3));
    }
    while (scheduler.running() + scheduler.waiting() > 0) {
      StepPlan plan = scheduler.schedule();
      assertThat(plan.totalTokens()).isBetween(1, 2);
      scheduler.update(plan, answerWhereDue(plan, 7));
    }
    streams.forEach(stream -> assertThat(tokens(stream)).hasSize(3));
  }

  private static StopConditions stops(int maxTokens) {
    return new StopConditions(maxTokens, 0, TokenIds.of(STOP));
  }

  private TokenStream add(int promptTokens, int maxTokens) {
    return add(promptTokens, stops(maxTokens), 0, Long.MAX_VALUE);
  }

  private TokenStream add(int promptTokens, StopConditions stop, int priority, long deadline) {
    TokenStream stream =
        new TokenStream(
            new GenerationRequest(
                "r", prompt(promptTokens), SamplingParams.greedy(), stop, priority, deadline),
            clock.getAsLong());
    scheduler.add(stream);
    return stream;
  }

  private static TokenIds prompt(int tokens) {
    return TokenIds.of(IntStream.rangeClosed(1, tokens).toArray());
  }

  /// Schedules, and answers the first id to every entry that chooses; the further ids, if any, are
  /// accepted drafts of a lone sequence.
  private void step(int... ids) {
    StepPlan plan = scheduler.schedule();
    scheduler.update(plan, ids.length == 1 ? answerWhereDue(plan, ids[0]) : answer(1, ids));
  }

  private StepOutput answerWhereDue(StepPlan plan, int id) {
    StepOutput output = new StepOutput(4, MAX_DRAFTS);
    for (int i = 0; i < plan.size(); i++) {
      Sequence sequence = plan.sequence(i);
      output.setDrafted(i, plan.draftTokens(i));
      if (plan.choosesToken(i)) {
        output.addToken(i, id, null);
      }
      if (sequence.request().sampling().promptLogprobs() >= 0) {
        int first = sequence.computedTokens() + 1;
        int end = Math.min(first + plan.tokens(i), sequence.promptTokens());
        output.setPromptLogprobs(
            i,
            IntStream.range(first, Math.max(first, end))
                .mapToObj(at -> logprobs(sequence.tokenAt(at)))
                .toList());
      }
    }
    return output;
  }

  private StepOutput answer(int entries, int... ids) {
    StepOutput output = new StepOutput(4, MAX_DRAFTS);
    for (int i = 0; i < entries; i++) {
      output.setDrafted(i, scheduler.schedule().draftTokens(i));
      for (int id : ids) {
        output.addToken(i, id, null);
      }
    }
    return output;
  }

  private static TokenLogprobs logprobs(int id) {
    return new TokenLogprobs(id, -1, 0, new int[0], new float[0]);
  }

  private void assertPlan(String... entries) {
    StepPlan plan = scheduler.schedule();
    List<String> got = new ArrayList<>();
    for (int i = 0; i < plan.size(); i++) {
      String drafts = plan.draftTokens(i) > 0 ? "+" + plan.draftTokens(i) : "";
      got.add(plan.sequence(i).id() + ":" + plan.tokens(i) + drafts);
    }
    assertThat(got).containsExactly(entries);
  }

  private static List<Integer> tokens(TokenStream stream) {
    Tokens tokens = (Tokens) stream.next();
    return IntStream.of(tokens.ids().toArray()).boxed().toList();
  }

  private static TokenStream skipTokens(TokenStream stream) {
    assertThat(stream.next()).isInstanceOf(Tokens.class);
    return stream;
  }

  private static Finished finished(TokenStream stream) {
    End end = (End) stream.next();
    return (Finished) end;
  }
}
