package dev.krait.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.PromptLogprobs;
import dev.krait.generation.GenerationEvent.Tokens;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TokenStreamTest {
  private static final int STOP = 7;

  @Test
  void allPublishedTokensComeAsOneBurstAndTheEndComesAfterThem() {
    TokenStream stream = stream(10, -1, -1);
    stream.append(1, null);
    assertThat(stream.poll()).isEmpty();
    stream.append(2, null);
    stream.publish();
    stream.append(3, null);
    assertThat(ids(stream.next())).containsExactly(1, 2);
    stream.append(4, null);
    End end = finished(FinishReason.LENGTH, 4);
    stream.end(end);
    assertThat(ids(stream.next())).containsExactly(3, 4);
    assertThat(stream.next()).isSameAs(end);
    assertThat(stream.next()).isSameAs(end);
  }

  @Test
  void aReaderThatWantsTheWholeGetsNothingBeforeTheEnd() {
    TokenStream stream = stream(10, -1, -1);
    stream.deliverWhole();
    stream.append(1, null);
    stream.publish();
    assertThat(stream.poll()).isEmpty();
    stream.append(2, null);
    End end = finished(FinishReason.LENGTH, 2);
    stream.end(end);
    assertThat(ids(stream.next())).containsExactly(1, 2);
    assertThat(stream.next()).isSameAs(end);
  }

  @Test
  void onlyTheBurstThatEndsWithTheStopTokenSaysSo() {
    TokenStream stream = stream(10, -1, -1);
    stream.append(STOP, null);
    stream.publish();
    assertThat(((Tokens) stream.next()).endsWithStopToken()).isFalse();
    stream.append(1, null);
    stream.append(STOP, null);
    stream.end(finished(FinishReason.STOP, 3));
    assertThat(((Tokens) stream.next()).endsWithStopToken()).isTrue();
  }

  @Test
  void roomGrowsToTheMaximumOutputAndNoFurther() {
    TokenStream stream = stream(100, -1, -1);
    for (int i = 0; i < 100; i++) {
      stream.append(i, null);
    }
    stream.publish();
    assertThat(ids(stream.next())).hasSize(100).startsWith(0, 1, 2).endsWith(98, 99);
    assertThatThrownBy(() -> stream.append(100, null))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("101 (expected: at most 100)");
  }

  @Test
  void logprobsComeWithTheirTokensWhenAskedFor() {
    TokenStream stream = stream(40, 2, -1);
    for (int i = 0; i < 20; i++) {
      stream.append(i, logprobs(i));
    }
    stream.publish();
    Tokens tokens = (Tokens) stream.next();
    assertThat(tokens.logprobs()).hasSize(20);
    assertThat(tokens.logprobs().get(17).tokenId()).isEqualTo(17);
    TokenStream silent = stream(40, -1, -1);
    silent.append(1, logprobs(1));
    silent.publish();
    assertThat(((Tokens) silent.next()).logprobs()).isEmpty();
  }

  @Test
  void promptLogprobsComeFirstAndOnceAlthoughThePromptIsComputedAgain() {
    TokenStream stream = stream(4, -1, 0);
    stream.appendPromptLogprobs(1, List.of(logprobs(11)));
    stream.publish();
    stream.appendPromptLogprobs(1, List.of(logprobs(11), logprobs(12)));
    stream.append(5, null);
    stream.publish();
    assertThat(promptIds(stream.next())).containsExactly(11, 12);
    assertThat(ids(stream.next())).containsExactly(5);
    stream.appendPromptLogprobs(2, List.of(logprobs(12), logprobs(99)));
    stream.publish();
    assertThat(stream.poll()).isEmpty();
  }

  @Test
  void promptLogprobsThatComeWithTheEndAreReadBeforeIt() {
    TokenStream stream = stream(0, -1, 0);
    stream.appendPromptLogprobs(1, List.of(logprobs(11), logprobs(12)));
    stream.end(finished(FinishReason.LENGTH, 0));
    assertThat(promptIds(stream.next())).containsExactly(11, 12);
    assertThat(stream.next()).isInstanceOf(Finished.class);
  }

  @Test
  void anEndThatCountsOtherTokensThanWereAppendedIsAnError() {
    TokenStream stream = stream(4, -1, -1);
    stream.append(1, null);
    assertThatThrownBy(() -> stream.end(finished(FinishReason.LENGTH, 2)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("2 (expected: the 1 appended)");
  }

  @Test
  void anInterruptedReaderStopsWaiting() {
    TokenStream stream = stream(4, -1, -1);
    Thread.currentThread().interrupt();
    assertThatThrownBy(stream::next)
        .isInstanceOfSatisfying(
            EngineException.class,
            failure -> assertThat(failure.code()).isEqualTo(ErrorCode.CANCELLED));
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void aReaderOnAnotherThreadSeesEveryTokenOnceInOrderWhateverTheTiming() throws Exception {
    for (int round = 0; round < 3000; round++) {
      int tokens = round % 70;
      TokenStream stream = stream(tokens, 0, 0);
      CompletableFuture<Integer> reader = new CompletableFuture<>();
      Thread.ofVirtual().start(() -> complete(reader, stream));
      if (round % 3 == 0) {
        LockSupport.parkNanos(1);
      }
      produce(stream, tokens, 1 + round % 5);
      assertThat(reader.get()).isEqualTo(tokens);
    }
  }

  @Test
  void theEndWakesAReaderThatIsJustAboutToWait() throws Exception {
    int rounds = 40_000;
    AtomicInteger reading = new AtomicInteger(-1);
    List<TokenStream> streams = Stream.generate(() -> stream(0, -1, -1)).limit(rounds).toList();
    CompletableFuture<Integer> reader = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          for (int i = 0; i < rounds; i++) {
            reading.set(i);
            spin(i % 37);
            streams.get(i).next();
          }
          reader.complete(rounds);
        });
    End end = finished(FinishReason.LENGTH, 0);
    for (int i = 0; i < rounds; i++) {
      while (reading.get() < i) {
        assertThat(Thread.currentThread().isInterrupted()).as("the reader hangs").isFalse();
      }
      spin(i % 40);
      streams.get(i).end(end);
    }
    assertThat(reader.get()).isEqualTo(rounds);
  }

  private static void spin(int times) {
    for (int i = 0; i < times; i++) {
      Thread.onSpinWait();
    }
  }

  private static void produce(TokenStream stream, int tokens, int burst) {
    stream.appendPromptLogprobs(1, List.of(logprobs(11)));
    if (tokens % 2 == 0) {
      stream.publish();
    }
    stream.appendPromptLogprobs(2, List.of(logprobs(12)));
    for (int i = 0; i < tokens; i++) {
      stream.append(i == tokens - 1 ? STOP : i + 100, logprobs(i));
      if (i % burst == 0 && i < tokens - 1) {
        stream.publish();
      }
    }
    stream.end(finished(tokens > 0 ? FinishReason.STOP : FinishReason.LENGTH, tokens));
  }

  private static void complete(CompletableFuture<Integer> result, TokenStream stream) {
    try {
      result.complete(readAll(stream));
    } catch (RuntimeException | AssertionError failure) {
      result.completeExceptionally(failure);
    }
  }

  private static int readAll(TokenStream stream) {
    int prompt = 0;
    int read = 0;
    boolean stopped = false;
    while (true) {
      switch (stream.next()) {
        case PromptLogprobs values -> {
          assertThat(read).isZero();
          for (TokenLogprobs value : values.values()) {
            assertThat(value.tokenId()).isEqualTo(11 + prompt++);
          }
        }
        case Tokens tokens -> {
          assertThat(prompt).isEqualTo(2);
          assertThat(stopped).isFalse();
          for (int i = 0; i < tokens.ids().size(); i++) {
            assertThat(tokens.logprobs().get(i).tokenId()).isEqualTo(read + i);
          }
          read += tokens.ids().size();
          stopped = tokens.endsWithStopToken();
          assertThat(tokens.ids().at(tokens.ids().size() - 1) == STOP).isEqualTo(stopped);
        }
        case End end -> {
          assertThat(prompt).isEqualTo(2);
          assertThat(stopped).isEqualTo(end.stats().generatedTokens() > 0);
          return read;
        }
      }
    }
  }

  private static TokenStream stream(int maxTokens, int logprobs, int promptLogprobs) {
    SamplingParams sampling =
        SamplingParams.of(set -> {
          set.logprobs = logprobs;
          set.promptLogprobs = promptLogprobs;
        });
    StopConditions stop = new StopConditions(maxTokens, 0, TokenIds.of(STOP));
    return new TokenStream(GenerationRequest.of("r", TokenIds.of(10, 11, 12), sampling, stop), 0);
  }

  private static Finished finished(FinishReason reason, int tokens) {
    GenerationStats stats =
        new GenerationStats(
            3, 0, tokens, 0, 0, 0, 0, OptionalLong.empty(), OptionalLong.empty(), 0);
    return new Finished(
        reason, reason == FinishReason.STOP ? OptionalInt.of(STOP) : OptionalInt.empty(), stats);
  }

  private static TokenLogprobs logprobs(int id) {
    return new TokenLogprobs(id, -1, 0, new int[0], new float[0]);
  }

  private static int[] ids(GenerationEvent event) {
    return ((Tokens) event).ids().toArray();
  }

  private static List<Integer> promptIds(GenerationEvent event) {
    return ((PromptLogprobs) event).values().stream().map(TokenLogprobs::tokenId).toList();
  }
}
