package dev.krait.generation;

import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.PromptLogprobs;
import dev.krait.generation.GenerationEvent.Tokens;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Mode;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.Signal;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/// The engine's and the reader's side of a [TokenStream] at once; [dev.krait.engine.StressTest]
/// runs this.
public final class TokenStreamStress {
  private TokenStreamStress() {}

  private static TokenStream stream() {
    StopConditions stop = new StopConditions(2, 0, TokenIds.empty());
    return new TokenStream(
        GenerationRequest.of("r", TokenIds.of(1), SamplingParams.greedy(), stop), 0);
  }

  private static Finished end(int tokens) {
    GenerationStats stats =
        new GenerationStats(
            1, 0, tokens, 0, 0, 0, 0, OptionalLong.empty(), OptionalLong.empty(), 0);
    return new Finished(FinishReason.LENGTH, OptionalInt.empty(), stats);
  }

  /// Digits of the tokens, 9 for the end, 0 for nothing.
  private static int digits(Optional<GenerationEvent> event) {
    return event
        .map(each ->
            switch (each) {
              case Tokens tokens -> {
                int digits = 0;
                for (int id : tokens.ids().toArray()) {
                  digits = 10 * digits + id;
                }
                yield digits;
              }
              case End end -> 9;
              case PromptLogprobs none -> -1;
            })
        .orElse(0);
  }

  /// Tokens come once and in order, and the end behind them.
  @JCStressTest
  @Outcome(
      id = {
        "0, 0, 0",
        "0, 0, 1",
        "0, 0, 12",
        "0, 1, 0",
        "0, 1, 2",
        "0, 12, 9",
        "1, 0, 0",
        "1, 0, 2",
        "1, 2, 9",
        "12, 9, 9"
      },
      expect = Expect.ACCEPTABLE,
      desc = "in order")
  @Outcome(expect = Expect.FORBIDDEN, desc = "lost, twice, or out of order")
  @State
  public static class Order {
    private final TokenStream stream = stream();

    /// The engine.
    @Actor
    public void engine() {
      stream.append(1, null);
      stream.publish();
      stream.append(2, null);
      stream.end(end(2));
    }

    /// The reader.
    @Actor
    public void reader(III_Result seen) {
      seen.r1 = digits(stream.poll());
      seen.r2 = digits(stream.poll());
      seen.r3 = digits(stream.poll());
    }
  }

  /// A reader that waits is woken by the end.
  @JCStressTest(Mode.Termination)
  @Outcome(id = "TERMINATED", expect = Expect.ACCEPTABLE, desc = "woken")
  @Outcome(id = "STALE", expect = Expect.FORBIDDEN, desc = "sleeps for ever")
  @State
  public static class WakeUp {
    private final TokenStream stream = stream();

    /// The reader.
    @Actor
    public void reader() {
      stream.next();
    }

    /// The engine.
    @Signal
    public void engine() {
      stream.end(end(0));
    }
  }
}
