package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.runner.Drafts;
import dev.krait.sampling.LogitsProcessors;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.testing.FlatMemory;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NgramDrafterTest {
  private static final int VOCABULARY = 20;

  private static int[] ids(String text) {
    return text.isBlank()
        ? new int[0]
        : Arrays.stream(text.strip().split(" ", -1)).mapToInt(Integer::parseInt).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "1 2 3 9 1 2 3, 3, 9 1 2, the longest match first",
    "5 1 2 7 3 2 8 1 2, 2, 7 3, a match of two before a later one of one",
    "2 4 2 6 2, 2, 6 2, the latest of equal matches",
    "3 4 5 4, 5, 5 4, no further than the known tokens",
    "7 7 7, 3, 7, one token in a row",
    "1 2 3 4, 3, '', nothing that came before",
    "6, 3, '', a single token",
    "1 2 3 9 1 2 3, 0, '', none asked for"
  })
  void proposesWhatFollowedTheLastTokensBefore(
      String known, int most, String expected, String why) {
    assertThat(proposed(new NgramDrafter(1, 3), new Known(ids(known)), most))
        .as(why)
        .isEqualTo(ids(expected));
  }

  @ParameterizedTest
  @CsvSource({"1, 2 8 5 2, 8", "2, 2 8 5 2, ''", "2, 4 1 6 5 4 1, 6", "3, 4 1 6 5 4 1, ''"})
  void aMatchHasAtLeastTheShortestLength(int shortest, String known, String expected) {
    assertThat(proposed(new NgramDrafter(shortest, 3), new Known(ids(known)), 1))
        .isEqualTo(ids(expected));
  }

  private static int[] proposed(NgramDrafter drafter, Known known, int most) {
    StepPlan plan = new StepPlan(2);
    plan.add(new Known(1, 1, 1), 1, 0);
    plan.add(known, 1, most);
    Drafts drafts = new Drafts(2, 5, VOCABULARY);
    drafts.clear();
    drafter.propose(plan, drafts, 0, false);
    drafter.close();
    assertThat(drafts.count(0)).as("drafts of a sequence that may have none").isZero();
    assertThat(drafts.confidence(1)).isEqualTo(1);
    int[] proposed = IntStream.range(0, drafts.count(1)).map(i -> drafts.id(1, i)).toArray();
    for (int i = 0; i < proposed.length; i++) {
      assertThat(drafts.distribution(1, i).of(proposed[i])).isEqualTo(1);
    }
    return proposed;
  }

  /// A sequence of known tokens, the last still to be computed.
  private static final class Known implements Sequence {
    private final int[] tokenIds;

    Known(int... tokenIds) {
      this.tokenIds = tokenIds;
    }

    @Override
    public long id() {
      return 1;
    }

    @Override
    public GenerationRequest request() {
      StopConditions stop = new StopConditions(10, 0, TokenIds.empty());
      return GenerationRequest.of("r", TokenIds.of(tokenIds), SamplingParams.greedy(), stop);
    }

    @Override
    public int promptTokens() {
      return tokenIds.length;
    }

    @Override
    public int tokens() {
      return tokenIds.length;
    }

    @Override
    public int computedTokens() {
      return tokenIds.length - 1;
    }

    @Override
    public int tokenAt(int position) {
      return tokenIds[position];
    }

    @Override
    public LogitsProcessors logitsProcessors() {
      return LogitsProcessors.of(request());
    }

    @Override
    public SequenceCache memory() {
      return new FlatMemory(0, 0, 1);
    }
  }
}
