package dev.krait.engine;

import static dev.krait.engine.Requests.read;
import static dev.krait.engine.Requests.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import dev.krait.testing.InMemoryEngine;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EngineHandleTest {
  private final InMemoryEngine engine =
      InMemoryEngine.builder().maxSequences(2).maxWaiting(3).maxModelTokens(50).build();
  private final EngineHandle handle = engine.handle();

  @AfterEach
  void close() {
    engine.close();
    assertThat(engine.pools().slotsUsed()).isZero();
    assertThat(engine.pools().blocksUsed()).isZero();
  }

  @Test
  void theQueueIsBoundedAtTheDoorAndRefusesWithTheNumbers() {
    for (int i = 0; i < 5; i++) {
      handle.submit(request(4, 5));
    }
    assertThat(handle.status().waiting()).isEqualTo(5);
    String full = "sequences: 5 wait or run (expected: fewer than max-sequences 2 + max-waiting 3)";
    assertRefused(request(4, 5), ErrorCode.RESOURCE_EXHAUSTED, full);
    engine.step();
    assertThat(handle.status().running()).isEqualTo(2);
    assertThat(handle.status().waiting()).isEqualTo(3);
    assertRefused(request(4, 5), ErrorCode.RESOURCE_EXHAUSTED, full);
    engine.runUntilIdle();
    assertThat(handle.status().waiting()).isZero();
    for (int i = 0; i < 5; i++) {
      handle.submit(request(4, 5));
    }
  }

  @Test
  void aReaderThatSeesTheEndFindsThePlaceFree() throws Exception {
    try (InMemoryEngine single = InMemoryEngine.builder().maxSequences(1).maxWaiting(0).build()) {
      single.start();
      for (int i = 0; i < 2000; i++) {
        read(single.handle().submit(request(4, 2)));
      }
    }
  }

  @Test
  void cancelledAndPreemptedSequencesGiveTheirPlaceInTheQueueBackOnce() {
    TokenStream first = handle.submit(request(4, 5));
    handle.submit(request(4, 5));
    TokenStream third = handle.submit(request(4, 5));
    handle.cancel(third);
    handle.cancel(third);
    handle.cancel(first);
    engine.step();
    assertThat(handle.status().waiting()).isZero();
    assertThat(handle.status().running()).isEqualTo(1);
    assertThat(((Finished) read(third).end()).reason()).isEqualTo(FinishReason.CANCELLED);
  }

  @Test
  void withoutAQueueFreeSeatsAreStillGiven() {
    try (InMemoryEngine strict = InMemoryEngine.builder().maxSequences(2).maxWaiting(0).build()) {
      strict.handle().submit(request(4, 5));
      strict.handle().submit(request(4, 5));
      strict.step();
      assertThatThrownBy(() -> strict.handle().submit(request(4, 5)))
          .hasMessageContaining("sequences: 2 wait or run");
    }
  }

  @Test
  void whatTheModelCannotDoIsRefused() {
    assertRefused(
        request(40, 11),
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        "prompt tokens + max_tokens: 40 + 11 (expected: at most 50)");
    assertRefused(
        request(1, Integer.MAX_VALUE), ErrorCode.CONTEXT_LENGTH_EXCEEDED, "1 + 2147483647");
    assertRefused(prompt(3, 100), ErrorCode.INVALID_ARGUMENT, "prompt token id: 100");
    assertRefused(
        prompt(-1), ErrorCode.INVALID_ARGUMENT, "prompt token id: -1 (expected: 0 to 99)");
    assertRefused(
        request(1, new StopConditions(1, 0, TokenIds.of(5, 123))),
        ErrorCode.INVALID_ARGUMENT,
        "stop token id: 123");
    SamplingParams biased = SamplingParams.of(set -> set.logitBias = Map.of(100, 1f));
    assertRefused(
        GenerationRequest.of(
            "r", TokenIds.of(1), biased, new StopConditions(1, 0, TokenIds.empty())),
        ErrorCode.INVALID_ARGUMENT,
        "logit_bias token id: 100");
    SamplingParams allowed = SamplingParams.of(set -> set.allowedTokenIds = TokenIds.of(3, 101));
    SamplingParams bad = SamplingParams.of(set -> set.badWords = List.of(TokenIds.of(1, -2)));
    StopConditions one = new StopConditions(1, 0, TokenIds.empty());
    assertRefused(
        GenerationRequest.of("r", TokenIds.of(1), allowed, one),
        ErrorCode.INVALID_ARGUMENT,
        "allowed token id: 101");
    assertRefused(
        GenerationRequest.of("r", TokenIds.of(1), bad, one),
        ErrorCode.INVALID_ARGUMENT,
        "bad_words token id: -2");
    assertThat(handle.status().waiting()).isZero();
  }

  @Test
  void abortingRefusesNewRequestsAndEndsTheOthersBeforeTheNextStep() {
    TokenStream running = handle.submit(request(4, 20));
    engine.step();
    TokenStream queued = handle.submit(request(4, 20));
    handle.abort("maintenance");
    assertRefused(request(4, 5), ErrorCode.UNAVAILABLE, "maintenance");
    engine.step();
    for (TokenStream stream : List.of(running, queued)) {
      Failed end = (Failed) read(stream).end();
      assertThat(end.code()).isEqualTo(ErrorCode.UNAVAILABLE);
      assertThat(end.message()).isEqualTo("maintenance");
    }
    assertThat(engine.loop().isIdle()).isTrue();
  }

  @Test
  void closingEndsEverythingAndNothingSentLaterWaitsForEver() {
    TokenStream running = handle.submit(request(4, 20));
    engine.step();
    TokenStream queued = handle.submit(request(4, 20));
    engine.loop().close();
    assertThat(((Failed) read(running).end()).code()).isEqualTo(ErrorCode.UNAVAILABLE);
    assertThat(((Failed) read(queued).end()).code()).isEqualTo(ErrorCode.UNAVAILABLE);
    assertRefused(request(4, 5), ErrorCode.UNAVAILABLE, "engine: closed");
    handle.cancel(running);
  }

  private static GenerationRequest prompt(int... ids) {
    return GenerationRequest.of(
        "r", TokenIds.of(ids), SamplingParams.greedy(), new StopConditions(1, 0, TokenIds.empty()));
  }

  private void assertRefused(GenerationRequest request, ErrorCode code, String message) {
    assertThatThrownBy(() -> handle.submit(request))
        .isInstanceOfSatisfying(
            EngineException.class, failure -> assertThat(failure.code()).isEqualTo(code))
        .hasMessageContaining(message);
  }
}
