package dev.krait.engine;

import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// Short ways to write requests and to read streams in tests.
final class Requests {
  private Requests() {}

  static GenerationRequest request(int promptTokens, int maxTokens) {
    return request(promptTokens, new StopConditions(maxTokens, 0, TokenIds.empty()));
  }

  static GenerationRequest request(int promptTokens, StopConditions stop) {
    int[] prompt =
        IntStream.range(0, promptTokens).map(i -> (i * 7 + promptTokens) % 100).toArray();
    return GenerationRequest.of("r", TokenIds.of(prompt), SamplingParams.greedy(), stop);
  }

  static GenerationRequest urgent(GenerationRequest request, int priority) {
    return GenerationRequest.of(
        request.id(),
        request.promptIds(),
        request.sampling(),
        request.stop(),
        set -> {
          set.priority = priority;
          set.deadlineNanos = request.deadlineNanos();
        });
  }

  static GenerationRequest until(GenerationRequest request, long deadlineNanos) {
    return GenerationRequest.of(
        request.id(),
        request.promptIds(),
        request.sampling(),
        request.stop(),
        set -> {
          set.priority = request.priority();
          set.deadlineNanos = deadlineNanos;
        });
  }

  /// Reads to the end, waiting where needed.
  static Answer read(TokenStream stream) {
    List<Integer> ids = new ArrayList<>();
    while (true) {
      GenerationEvent event = stream.next();
      if (event instanceof Tokens tokens) {
        IntStream.of(tokens.ids().toArray()).forEach(ids::add);
      }
      if (event instanceof End end) {
        return new Answer(ids, end);
      }
    }
  }

  /// Reads what is there.
  static List<Integer> readReady(TokenStream stream) {
    return stream.poll().map(Requests::ids).orElse(List.of());
  }

  private static List<Integer> ids(GenerationEvent event) {
    return event instanceof Tokens tokens
        ? IntStream.of(tokens.ids().toArray()).boxed().toList()
        : List.of();
  }

  /// A whole answer.
  record Answer(List<Integer> ids, End end) {}
}
