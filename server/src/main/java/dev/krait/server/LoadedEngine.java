package dev.krait.server;

import dev.krait.engine.Engine;
import dev.krait.engine.EngineConfig;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.ModelInfo;
import dev.krait.engine.Sessions;
import dev.krait.engine.StepListener;
import dev.krait.speculation.SpeculationReport;
import java.util.Optional;
import java.util.function.Consumer;

/// The engine of a model folder.
///
/// @param engine what was opened
public record LoadedEngine(Engine engine) implements ServedEngine {

  /// Opens a model folder.
  ///
  /// @param plan is given the lines of the memory plan before weights are loaded
  public static ServedEngine open(EngineConfig config, StepListener steps, Consumer<String> plan) {
    return new LoadedEngine(Engine.open(config, steps, plan));
  }

  @Override
  public EngineHandle handle() {
    return engine.handle();
  }

  @Override
  public Sessions sessions() {
    return engine.sessions();
  }

  @Override
  public ModelInfo model() {
    return engine.model();
  }

  @Override
  public String backend() {
    return engine.describeBackend();
  }

  @Override
  public String memory() {
    return engine.layout().describe().getFirst();
  }

  @Override
  public int maxConcurrency() {
    return engine.layout().sequencesOf(engine.model().maxTokens());
  }

  @Override
  public int blockTokens() {
    return engine.layout().demand().blockTokens();
  }

  @Override
  public Optional<SpeculationReport> speculation() {
    return engine.speculation();
  }

  @Override
  public void close() {
    engine.close();
  }
}
