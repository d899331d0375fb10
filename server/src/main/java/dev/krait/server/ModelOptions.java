package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.Numerics;
import dev.krait.engine.SpeculationMode;
import dev.krait.error.EngineException;
import dev.krait.loading.StoredType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// The options that say which model is loaded and how.
final class ModelOptions {
  private static final String HOME = "krait.home";

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Checkpoint folder; default: the small model that ships with the server.")
  Optional<Path> model = Optional.empty();

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "Checkpoint folder, as --model.")
  Optional<Path> positional = Optional.empty();

  @Spec(Spec.Target.MIXEE)
  @Nullable CommandSpec command;

  @Option(
      names = "--draft-model",
      paramLabel = "DIR",
      description = "Checkpoint folder of a draft model with the same vocabulary.")
  Optional<Path> draftModel = Optional.empty();

  @Option(
      names = "--speculation",
      paramLabel = "MODE",
      description = "off, ngram or draft; default: draft where there is a draft model.")
  Optional<SpeculationMode> speculation = Optional.empty();

  @Option(
      names = "--max-draft-tokens",
      paramLabel = "N",
      defaultValue = "" + EngineConfig.DEFAULT_MAX_DRAFT_TOKENS,
      description = "Most tokens that may be drafted at once, 1 to 16; default: ${DEFAULT-VALUE}.")
  int maxDraftTokens;

  @Option(
      names = "--draft-tokens",
      paramLabel = "N",
      description = "A fixed draft length instead of the measured one, 0 to 16.")
  Optional<Integer> draftTokens = Optional.empty();

  @Option(
      names = "--prefix-caching",
      paramLabel = "on|off",
      defaultValue = "on",
      description =
          "Whether computed prompts are kept for requests that start alike; default: ${DEFAULT-VALUE}.")
  OnOff prefixCaching = OnOff.ON;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = EngineConfig.DEFAULT_BACKEND,
      description = "auto, cpu, reference or cuda; default: ${DEFAULT-VALUE}.")
  String backend = EngineConfig.DEFAULT_BACKEND;

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      defaultValue = "stored",
      description = "Type that weights are kept in: stored, bf16 or fp32; default: stored.")
  StoredType weights = StoredType.STORED;

  @Option(
      names = "--numerics",
      paramLabel = "MODE",
      defaultValue = "auto",
      description =
          "exact (fp32 activations), bf16 (operands of products rounded, GPUs from compute capability 9.0 on) or auto: bf16 for bf16 weights where the backend has it; default: ${DEFAULT-VALUE}.")
  Numerics numerics = Numerics.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Compute threads of the CPU backends; default: all processors.")
  Optional<Integer> threads = Optional.empty();

  @Option(
      names = "--max-sequences",
      paramLabel = "N",
      description = "Most sequences that run at once; default: 256 on a GPU, 64 on processors.")
  Optional<Integer> maxSequences = Optional.empty();

  @Option(
      names = "--max-tokens-per-step",
      paramLabel = "N",
      description =
          "Most tokens computed in one step: fewer shorten the wait between tokens while prompts are"
              + " computed; default: 2048 on a GPU, 512 on processors.")
  Optional<Integer> maxTokensPerStep = Optional.empty();

  @Option(
      names = "--max-waiting",
      paramLabel = "N",
      defaultValue = "" + EngineConfig.DEFAULT_MAX_WAITING,
      description = "Most sequences that wait, more are refused; default: ${DEFAULT-VALUE}.")
  int maxWaiting;

  @Option(
      names = "--max-model-len",
      paramLabel = "N",
      description = "Longest prompt plus output; default: the model's own limit.")
  Optional<Integer> maxModelTokens = Optional.empty();

  @Option(
      names = "--cache-memory",
      paramLabel = "SIZE",
      description = "Memory for caches and states, such as 8GiB; default: 60 %% of the Java heap.")
  Optional<ByteSize> cacheMemory = Optional.empty();

  /// The folder of the model that is served.
  Path modelFolder() {
    if (positional.isPresent() && isGiven("--model") && !positional.equals(model)) {
      throw EngineException.invalidArgument(
          "model", model.orElseThrow() + " and " + positional.get(), "one folder");
    }
    return positional.or(() -> model).orElseGet(() -> shipped("krait-tiny"));
  }

  /// On the command line, as opposed to a variable.
  private boolean isGiven(String option) {
    return command != null && command.commandLine().getParseResult().hasMatchedOption(option);
  }

  /// The engine's configuration.
  EngineConfig engine() {
    Optional<Path> draft = draftFolder();
    SpeculationMode mode =
        speculation.orElse(draft.isPresent() ? SpeculationMode.DRAFT : SpeculationMode.OFF);
    return new EngineConfig(
        modelFolder(),
        mode == SpeculationMode.DRAFT ? draft : Optional.empty(),
        backend,
        weights,
        numerics,
        optional(threads),
        maxSequences.orElseGet(() -> EngineConfig.usualMaxSequences(backend)),
        maxTokensPerStep.orElseGet(() -> EngineConfig.usualMaxTokensPerStep(backend)),
        maxWaiting,
        optional(maxModelTokens),
        cacheMemory.map(size -> OptionalLong.of(size.bytes())).orElse(OptionalLong.empty()),
        mode,
        maxDraftTokens,
        optional(draftTokens),
        prefixCaching == OnOff.ON);
  }

  /// The draft model that was named, or the shipped one for the shipped model.
  private Optional<Path> draftFolder() {
    if (draftModel.isPresent()) {
      return draftModel;
    }
    Path draft = shipped("krait-tiny-draft");
    return isShipped(modelFolder()) && Files.isDirectory(draft)
        ? Optional.of(draft)
        : Optional.empty();
  }

  private static boolean isShipped(Path folder) {
    Path shipped = shipped("krait-tiny");
    try {
      return Files.isDirectory(folder)
          && Files.isDirectory(shipped)
          && Files.isSameFile(folder, shipped);
    } catch (IOException e) {
      return false;
    }
  }

  private static Path shipped(String name) {
    return Path.of(System.getProperty(HOME, "."), "models", name);
  }

  private static OptionalInt optional(Optional<Integer> value) {
    return value.map(OptionalInt::of).orElse(OptionalInt.empty());
  }
}
