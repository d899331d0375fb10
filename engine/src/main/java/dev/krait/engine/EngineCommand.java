package dev.krait.engine;

import dev.krait.generation.TokenStream;
import java.util.concurrent.CompletableFuture;

/// What other threads ask of the engine thread.
sealed interface EngineCommand {

  /// Start generating; already counted at the door.
  record Submit(TokenStream stream) implements EngineCommand {}

  /// End a generation, if it still goes on.
  record Cancel(TokenStream stream) implements EngineCommand {}

  /// Forget the kept prefixes that nobody uses.
  ///
  /// @param done is told how many blocks and state slots are free again
  record ClearPrefixes(CompletableFuture<Integer> done) implements EngineCommand {}

  /// End everything as unavailable.
  record Abort(String reason) implements EngineCommand {}

  /// Run something between two steps.
  ///
  /// @param question completes the answer
  /// @param answer completed with a failure where nobody asks any more
  record Ask(Runnable question, CompletableFuture<?> answer) implements EngineCommand {}
}
