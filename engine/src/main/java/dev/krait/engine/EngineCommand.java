package dev.krait.engine;

import dev.krait.generation.TokenStream;

/// What other threads ask of the engine thread.
sealed interface EngineCommand {

  /// Start generating; already counted at the door.
  record Submit(TokenStream stream) implements EngineCommand {}

  /// End a generation, if it still goes on.
  record Cancel(TokenStream stream) implements EngineCommand {}

  /// End everything as unavailable.
  record Abort(String reason) implements EngineCommand {}
}
