package dev.krait.engine;

/// What was sent to an engine and not yet taken, for tests that hold the engine's thread in a step.
public final class SentCommands {
  private SentCommands() {}

  /// True while something waits to be taken; any thread may ask.
  public static boolean any(EngineHandle handle) {
    return handle.hasCommands();
  }
}
