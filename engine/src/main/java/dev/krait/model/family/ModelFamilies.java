package dev.krait.model.family;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.stream.Collectors;

/// The families that Krait serves.
public final class ModelFamilies {
  private static final List<ModelFamily> ALL =
      List.of(
          new Mamba2InLlamaFamily(),
          new MambaInLlamaFamily(),
          new LlamaFamily(),
          new MambaFamily(),
          new Mamba2Family(),
          new GraniteHybridFamily(),
          new BambaFamily(),
          new FalconMambaFamily(),
          new Lfm2Family(),
          new JambaFamily(),
          new NemotronFamily(),
          new QwenHybridFamily(),
          new OlmoHybridFamily(),
          new KimiLinearFamily(),
          new FalconH1Family(),
          new Zamba2Family());

  private ModelFamilies() {}

  /// All families, in the order in which they are asked.
  public static List<ModelFamily> all() {
    return ALL;
  }

  /// The family of a folder.
  ///
  /// @throws EngineException INVALID_CHECKPOINT that says what the folder has and what is supported
  public static ModelFamily of(ModelFolder folder) {
    for (ModelFamily family : ALL) {
      if (family.accepts(folder)) {
        return family;
      }
    }
    List<String> named = folder.architectures();
    String found = named.isEmpty() ? "none" : String.join(", ", named);
    throw EngineException.invalidCheckpoint(
        folder.config().file()
            + ": architecture: "
            + found
            + " (expected: "
            + ALL.stream().map(ModelFamily::accepted).collect(Collectors.joining("; "))
            + ")");
  }
}
