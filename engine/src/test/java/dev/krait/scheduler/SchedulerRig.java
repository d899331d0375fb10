package dev.krait.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import dev.krait.tensor.DType;
import dev.krait.testing.FakeClock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// A scheduler with room for four sequences, driven by hand: requests in, plans out, answers in.
final class SchedulerRig {
  /// The token that ends a generation.
  static final int STOP = 99;

  private static final int BLOCK = 4;
  private static final int MAX_DRAFTS = 4;

  private final FakeClock clock = new FakeClock();
  private final List<String> observed = new ArrayList<>();
  private int draftLength;
  private KvCachePools pools = pools(100);
  private Scheduler scheduler = scheduler(16);

  private static KvCachePools pools(int blocks) {
    return new KvCachePools(layout(blocks));
  }

  private static CacheLayout layout(int blocks) {
    CacheDemand demand =
        new CacheDemand(
            List.of(new KvCacheSpec(1, 1, DType.F32), new StateSpec(1, 1, 2, 1)),
            List.of(),
            BLOCK,
            4,
            400,
            MAX_DRAFTS + 1,
            0);
    return new CacheLayout(demand, 0, blocks, 4);
  }

  private Scheduler scheduler(int perStep) {
    DraftLengths lengths =
        new DraftLengths() {
          @Override
          public int draftTokens(Sequence sequence, int runningSequences) {
            return draftLength;
          }

          @Override
          public void observe(Sequence sequence, int allowed, int drafted, int accepted) {
            observed.add(sequence.id() + ": " + accepted + " of " + drafted);
          }
        };
    return new Scheduler(new SchedulerConfig(4, perStep, MAX_DRAFTS), pools, lengths, clock);
  }

  /// Begins again with so many blocks and tokens of a step.
  void rebuild(int blocks, int perStep) {
    pools = pools(blocks);
    scheduler = scheduler(perStep);
  }

  /// Begins again with so many blocks, keeping prefixes.
  void rebuildWithPrefixes(int blocks) {
    pools = new KvCachePools(layout(blocks), Optional.of(new SnapshotPolicy(4)));
    scheduler = scheduler(400);
  }

  /// From now on so many tokens are drafted where there is room.
  void draft(int tokens) {
    draftLength = tokens;
  }

  Scheduler scheduler() {
    return scheduler;
  }

  KvCachePools pools() {
    return pools;
  }

  FakeClock clock() {
    return clock;
  }

  /// What was told about drafts, in words.
  List<String> observed() {
    return observed;
  }

  static StopConditions stops(int maxTokens) {
    return new StopConditions(maxTokens, 0, TokenIds.of(STOP));
  }

  TokenStream add(int promptTokens, int maxTokens) {
    return add(promptTokens, stops(maxTokens), 0, Long.MAX_VALUE);
  }

  TokenStream add(int promptTokens, StopConditions stop, int priority, long deadline) {
    return add(
        GenerationRequest.of(
            "r",
            prompt(promptTokens),
            SamplingParams.greedy(),
            stop,
            set -> {
              set.priority = priority;
              set.deadlineNanos = deadline;
            }));
  }

  TokenStream add(TokenIds prompt, SamplingParams sampling) {
    return add(GenerationRequest.of("r", prompt, sampling, stops(2)));
  }

  private TokenStream add(GenerationRequest request) {
    TokenStream stream = new TokenStream(request, clock.getAsLong());
    scheduler.add(stream);
    return stream;
  }

  static TokenIds prompt(int tokens) {
    return TokenIds.of(IntStream.rangeClosed(1, tokens).toArray());
  }

  /// Schedules, and answers the first id to every entry that chooses; the further ids, if any, are
  /// accepted drafts of a lone sequence.
  void step(int... ids) {
    StepPlan plan = scheduler.schedule();
    StepOutput output = ids.length == 1 ? answerWhereDue(plan, ids[0]) : answer(1, ids);
    scheduler.submitted(plan);
    scheduler.update(plan, output);
  }

  StepOutput answerWhereDue(StepPlan plan, int id) {
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

  StepOutput answer(int entries, int... ids) {
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

  void assertPlan(String... entries) {
    StepPlan plan = scheduler.schedule();
    List<String> got = new ArrayList<>();
    for (int i = 0; i < plan.size(); i++) {
      String drafts = plan.draftTokens(i) > 0 ? "+" + plan.draftTokens(i) : "";
      got.add(plan.sequence(i).id() + ":" + plan.tokens(i) + drafts);
    }
    assertThat(got).containsExactly(entries);
  }

  static List<Integer> tokens(TokenStream stream) {
    Tokens tokens = (Tokens) stream.next();
    return IntStream.of(tokens.ids().toArray()).boxed().toList();
  }

  static TokenStream skipTokens(TokenStream stream) {
    assertThat(stream.next()).isInstanceOf(Tokens.class);
    return stream;
  }

  static Finished finished(TokenStream stream) {
    End end = (End) stream.next();
    return (Finished) end;
  }
}
