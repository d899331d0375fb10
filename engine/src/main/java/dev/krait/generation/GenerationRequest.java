package dev.krait.generation;

import dev.krait.error.EngineException;
import org.jspecify.annotations.Nullable;

/// One sequence to generate, in token ids.
///
/// @param id name in logs and events; need not be unique
/// @param promptIds at least one id, each below the model's vocabulary size
/// @param sampling how tokens are chosen
/// @param stop when to end
/// @param priority lower runs first and is preempted last; 0 is normal
/// @param deadlineNanos time on the engine's clock after which the generation ends;
///   `Long.MAX_VALUE` for none
/// @param constraint what the text may be; null for anything
public record GenerationRequest(
    String id,
    TokenIds promptIds,
    SamplingParams sampling,
    StopConditions stop,
    int priority,
    long deadlineNanos,
    @Nullable OutputConstraint constraint) {

  /// Checks that there is a prompt.
  public GenerationRequest {
    if (promptIds.size() == 0) {
      throw EngineException.invalidArgument("prompt", "no token", "at least one token");
    }
  }

  /// A request for any text.
  public GenerationRequest(
      String id,
      TokenIds promptIds,
      SamplingParams sampling,
      StopConditions stop,
      int priority,
      long deadlineNanos) {
    this(id, promptIds, sampling, stop, priority, deadlineNanos, null);
  }

  /// The same request for texts of a constraint.
  public GenerationRequest constrainedBy(@Nullable OutputConstraint to) {
    return new GenerationRequest(id, promptIds, sampling, stop, priority, deadlineNanos, to);
  }

  /// A request of normal priority without a deadline.
  public static GenerationRequest of(
      String id, TokenIds promptIds, SamplingParams sampling, StopConditions stop) {
    return new GenerationRequest(id, promptIds, sampling, stop, 0, Long.MAX_VALUE);
  }
}
