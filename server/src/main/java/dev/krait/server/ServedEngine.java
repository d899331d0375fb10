package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.Sessions;
import dev.krait.engine.StepListener;
import dev.krait.speculation.SpeculationReport;
import java.util.Optional;
import java.util.function.Consumer;

/// An open engine, as the process needs it.
public interface ServedEngine extends AutoCloseable {

  /// Opens an engine.
  @FunctionalInterface
  interface Opener {
    /// Loads the model and starts the engine.
    ///
    /// @param steps hears of every step
    /// @param plan is given the lines of the memory plan before weights are loaded
    ServedEngine open(EngineConfig config, StepListener steps, Consumer<String> plan);
  }

  /// Takes requests.
  EngineHandle handle();

  /// Conversations by name.
  Sessions sessions();

  /// The loaded model.
  ModelInfo model();

  /// What computes, and why it was chosen.
  String backend();

  /// Memory that caches take, in words.
  String memory();

  /// Sequences that the memory plan lets run at once.
  int maxConcurrency();

  /// Tokens of a key/value block.
  int blockTokens();

  /// What the draft length policy knows; empty when nothing is drafted.
  Optional<SpeculationReport> speculation();

  /// Ends what still runs and frees everything.
  @Override
  void close();
}
