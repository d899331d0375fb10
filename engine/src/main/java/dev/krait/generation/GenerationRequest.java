package dev.krait.generation;

import dev.krait.error.EngineException;
import java.util.function.Consumer;
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
/// @param session name of the session that holds the conversation afterwards; null for none. It
///   changes what is computed, never the answer
/// @param cacheSalt what is kept of its prompt and reply is found only by requests of the same salt
public record GenerationRequest(
    String id,
    TokenIds promptIds,
    SamplingParams sampling,
    StopConditions stop,
    int priority,
    long deadlineNanos,
    @Nullable OutputConstraint constraint,
    @Nullable String session,
    String cacheSalt) {

  /// Checks that there is a prompt.
  public GenerationRequest {
    if (promptIds.size() == 0) {
      throw EngineException.invalidArgument("prompt", "no token", "at least one token");
    }
  }

  /// A request of normal priority without a deadline.
  public static GenerationRequest of(
      String id, TokenIds promptIds, SamplingParams sampling, StopConditions stop) {
    return of(id, promptIds, sampling, stop, _ -> {});
  }

  /// The same with what is set.
  public static GenerationRequest of(
      String id,
      TokenIds promptIds,
      SamplingParams sampling,
      StopConditions stop,
      Consumer<Builder> changes) {
    Builder set = new Builder();
    changes.accept(set);
    return new GenerationRequest(
        id,
        promptIds,
        sampling,
        stop,
        set.priority,
        set.deadlineNanos,
        set.constraint,
        set.session,
        set.cacheSalt);
  }

  /// The components that have a usual value, by name.
  public static final class Builder {
    public int priority;
    public long deadlineNanos = Long.MAX_VALUE;
    public @Nullable OutputConstraint constraint;
    public @Nullable String session;
    public String cacheSalt = "";

    private Builder() {}
  }
}
