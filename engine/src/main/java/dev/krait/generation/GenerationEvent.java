package dev.krait.generation;

import dev.krait.error.ErrorCode;
import java.util.List;
import java.util.OptionalInt;

/// What a [TokenStream] hands to its reader.
///
/// Order: any number of [PromptLogprobs] (only when asked for) before the first [Tokens]; any
/// number of [Tokens]; exactly one [End].
public sealed interface GenerationEvent {

  /// Generated tokens, as many as were ready.
  ///
  /// @param ids at least one id, in order
  /// @param logprobs one for each id when asked for, else empty
  /// @param endsWithStopToken the last id is the stop token that ended the generation: it counts as
  ///   generated, but its text does not belong to the answer
  record Tokens(TokenIds ids, List<TokenLogprobs> logprobs, boolean endsWithStopToken)
      implements GenerationEvent {

    /// Copies the list.
    public Tokens {
      logprobs = List.copyOf(logprobs);
    }
  }

  /// Log-probabilities of the prompt's tokens from the second on, in order, as far as computed.
  ///
  /// @param values those that became known since the last event of this kind
  record PromptLogprobs(List<TokenLogprobs> values) implements GenerationEvent {

    /// Copies the list.
    public PromptLogprobs {
      values = List.copyOf(values);
    }
  }

  /// The last event of a stream.
  sealed interface End extends GenerationEvent {

    /// Counts and times of the whole generation.
    GenerationStats stats();
  }

  /// The generation ended as it should.
  ///
  /// @param reason why
  /// @param stopTokenId the stop token, when one ended it; it was delivered as the last token
  /// @param stats counts and times
  record Finished(FinishReason reason, OptionalInt stopTokenId, GenerationStats stats)
      implements End {}

  /// The generation was broken off by the engine.
  ///
  /// @param code the category
  /// @param message for people
  /// @param stats counts and times up to then
  record Failed(ErrorCode code, String message, GenerationStats stats) implements End {}
}
