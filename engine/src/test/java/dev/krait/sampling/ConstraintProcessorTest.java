package dev.krait.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.Grammar;
import dev.krait.constraint.Vocabulary;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.OutputConstraint;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// A constraint excludes tokens by the text behind which it stands, however it got there.
class ConstraintProcessorTest {
  private static final List<String> TOKENS = List.of("a", "b", "ab", "c", "bc", "", "ca");
  private static final int END = 5;

  private static LogitsProcessors processors(String expression) {
    byte[][] bytes =
        TOKENS.stream().map(token -> token.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    OutputConstraint constraint =
        new OutputConstraint(
            Constraint.compile(Grammar.pattern(expression)),
            new Vocabulary(bytes),
            TokenIds.of(END));
    return LogitsProcessors.of(
        GenerationRequest.of(
            "r",
            TokenIds.of(1),
            SamplingParams.greedy(),
            new StopConditions(10, 0, TokenIds.of(END)),
            set -> set.constraint = constraint));
  }

  /// The tokens that are left; the row has one more than the vocabulary.
  private static List<Integer> allowed(LogitsProcessors processors) {
    float[] logits = new float[TOKENS.size() + 1];
    processors.apply(logits);
    return IntStream.range(0, logits.length).filter(id -> logits[id] == 0).boxed().toList();
  }

  @Test
  void onlyWhatMayFollowIsLeftAndTheEndOnlyBehindACompleteText() {
    LogitsProcessors processors = processors("ab?c*");
    assertThat(processors.isActive()).isTrue();
    assertThat(allowed(processors)).containsExactly(0, 2);
    processors.accept(0);
    assertThat(allowed(processors)).containsExactly(1, 3, 4, END);
    processors.accept(4);
    assertThat(allowed(processors)).containsExactly(3, END);
    processors.accept(END);
    assertThat(allowed(processors)).as("behind the end").isEmpty();
    processors.rollback(2);
    assertThat(allowed(processors)).containsExactly(1, 3, 4, END);
    processors.accept(6);
    assertThat(allowed(processors)).as("behind a token that was not allowed").isEmpty();
    processors.rollback(2);
    assertThat(allowed(processors)).containsExactly(0, 2);
  }

  @Test
  void goingBackAndForthIsAsGoingStraight() {
    Random random = new Random(5);
    LogitsProcessors wandering = processors("((a|b)c)*");
    IntStream path = Stream.of(0, 3, 4, 1, 3, 4, 0, 3, 4).mapToInt(Integer::intValue);
    LogitsProcessors straight = processors("((a|b)c)*");
    path.forEach(token -> {
      int drafts = random.nextInt(4);
      IntStream.range(0, drafts).forEach(i -> wandering.accept(random.nextInt(7)));
      wandering.rollback(drafts);
      assertThat(allowed(wandering)).contains(token).isEqualTo(allowed(straight));
      wandering.accept(token);
      straight.accept(token);
    });
  }
}
