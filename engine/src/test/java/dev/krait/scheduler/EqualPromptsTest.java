package dev.krait.scheduler;

import static dev.krait.scheduler.SchedulerRig.prompt;
import static dev.krait.scheduler.SchedulerRig.stops;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Prompts that are alike and come before the first of them is computed. Blocks of 4 tokens, and 4
/// tokens are worth waiting for.
class EqualPromptsTest {
  private final SchedulerRig rig = new SchedulerRig();

  @BeforeEach
  void keepPrefixes() {
    rig.rebuildWithPrefixes(100);
  }

  private void add(TokenIds prompt) {
    rig.add(prompt, SamplingParams.greedy());
  }

  /// Tokens `1, 2, ...`, from the parting on those of another text.
  private static TokenIds parted(int text, int from, int tokens) {
    return TokenIds.of(
        IntStream.rangeClosed(1, tokens).map(i -> i <= from ? i : 100 * text + i).toArray());
  }

  @Test
  void equalPromptsThatArriveTogetherAreComputedOnce() {
    for (int i = 0; i < 3; i++) {
      rig.add(12, 2);
    }
    rig.assertPlan("1:8");
    rig.step(7);
    assertThat(rig.scheduler().stats().promptTokens()).isEqualTo(8);
    rig.assertPlan("1:4", "2:4", "3:4");
    rig.step(7);
    assertThat(rig.scheduler().stats().cachedTokens()).isEqualTo(16);
    rig.assertPlan("1:1", "2:1", "3:1");
    rig.pools().checkIntegrity();
  }

  @Test
  void whenTheFirstIsCancelledTheNextComputesThePrompt() {
    TokenStream first = rig.add(12, 2);
    rig.add(12, 2);
    rig.add(12, 2);
    rig.assertPlan("1:8");
    rig.scheduler().cancel(first);
    rig.assertPlan("2:8");
    rig.step(7);
    rig.assertPlan("2:4", "3:4");
  }

  @Test
  void promptsThatPartWaitForTheStateWhereTheyPart() {
    add(parted(1, 8, 17));
    rig.step(7);
    rig.step(7);
    add(parted(2, 8, 17));
    add(parted(3, 8, 17));
    rig.assertPlan("1:1", "2:8");
    rig.step(7);
    rig.assertPlan("2:8", "3:8");
  }

  @Test
  void nobodyWaitsForAnotherOfLowerRank() {
    rig.add(12, stops(2), 5, Long.MAX_VALUE);
    rig.assertPlan("1:8");
    rig.add(12, stops(2), 0, Long.MAX_VALUE);
    rig.assertPlan("2:8", "1:8");
  }

  @Test
  void otherPromptsPassThoseThatWait() {
    rig.add(12, 2);
    rig.add(12, 2);
    add(parted(1, 0, 6));
    rig.assertPlan("1:8", "3:4");
  }

  @Test
  void roomIsKeptForThoseThatArePassed() {
    for (int i = 0; i < 4; i++) {
      rig.add(12, 2);
    }
    add(parted(1, 0, 6));
    rig.assertPlan("1:8");
    rig.step(7);
    rig.assertPlan("1:4", "2:4", "3:4", "4:4");
    rig.pools().checkIntegrity();
  }

  @Test
  void aShortPromptIsNotWorthWaitingFor() {
    rig.add(4, 2);
    rig.add(4, 2);
    rig.assertPlan("1:4", "2:4");
  }

  @Test
  void logprobsOfAPromptNeedAllOfItAtOnce() {
    rig.add(12, 2);
    SamplingParams reported = SamplingParams.of(set -> set.promptLogprobs = 0);
    rig.add(prompt(12), reported);
    rig.assertPlan("1:8", "2:12");
  }

  @Test
  void withoutPrefixCachingEachIsComputed() {
    rig.rebuild(100, 400);
    rig.add(12, 2);
    rig.add(12, 2);
    rig.assertPlan("1:12", "2:12");
  }
}
