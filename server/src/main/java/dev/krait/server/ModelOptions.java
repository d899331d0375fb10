package dev.krait.server;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.Numerics;
import dev.krait.engine.SpeculationMode;
import dev.krait.error.EngineException;
import dev.krait.loading.StoredType;
import dev.krait.server.hub.Hub;
import dev.krait.server.hub.ModelName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Function;
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
      paramLabel = "MODEL",
      description =
          "Checkpoint folder, or owner/name[@revision] of a hub; default: the small model that ships with the server.")
  Optional<String> model = Optional.empty();

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "Checkpoint folder or name, as --model.")
  Optional<String> positional = Optional.empty();

  @Spec(Spec.Target.MIXEE)
  @Nullable CommandSpec command;

  @Option(
      names = "--draft-model",
      paramLabel = "MODEL",
      description = "Checkpoint folder or name of a draft model with the same vocabulary.")
  Optional<String> draftModel = Optional.empty();

  @Option(
      names = "--tokenizer",
      paramLabel = "MODEL",
      description = "Folder or name with another tokenizer than the model's own.")
  Optional<String> tokenizer = Optional.empty();

  @Option(
      names = "--chat-template",
      paramLabel = "FILE",
      description = "Jinja file with another chat template than the one beside the tokenizer.")
  Optional<Path> chatTemplate = Optional.empty();

  @Option(
      names = "--offline",
      description = "Takes models by name from the cache alone, as HF_HUB_OFFLINE=1 does.")
  boolean offline;

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

  @Option(
      names = "--state-cache-memory",
      paramLabel = "SIZE",
      description =
          "Most of it for recurrent states of kept prompts and replies; default: one state for each sequence.")
  Optional<ByteSize> stateCacheMemory = Optional.empty();

  private final Function<Boolean, Hub> hubs;
  private final Map<String, Path> located = new HashMap<>();

  /// @param hubs opens the hub, offline or not
  ModelOptions(Function<Boolean, Hub> hubs) {
    this.hubs = hubs;
  }

  /// The folder of the model that is served; one that has only a name is looked for once.
  Path modelFolder() {
    return named().map(text -> folder(text, Hub.Part.MODEL)).orElseGet(() -> shipped("krait-tiny"));
  }

  /// What requests call the model unless told otherwise.
  String servedName() {
    Optional<ModelName> name = named().flatMap(ModelOptions::hubName);
    if (name.isPresent()) {
      return name.get().id();
    }
    Path last = modelFolder().toAbsolutePath().normalize().getFileName();
    return last == null ? "model" : last.toString();
  }

  private Optional<String> named() {
    if (positional.isPresent() && isGiven("--model") && !positional.equals(model)) {
      throw EngineException.invalidArgument(
          "model", model.orElseThrow() + " and " + positional.get(), "one model");
    }
    return positional.or(() -> model);
  }

  /// The folder with the tokenizer.
  Path tokenizerFolder() {
    return otherTokenizer().orElseGet(this::modelFolder);
  }

  private Optional<Path> otherTokenizer() {
    return tokenizer.map(text -> folder(text, Hub.Part.TOKENIZER));
  }

  /// The file of the chat template, where one is named.
  Optional<Path> chatTemplate() {
    chatTemplate
        .filter(file -> !Files.isRegularFile(file))
        .ifPresent(file -> {
          throw EngineException.invalidArgument("chat-template", file, "a file with a template");
        });
    return chatTemplate;
  }

  private Path folder(String text, Hub.Part part) {
    return located.computeIfAbsent(
        part + " " + text,
        _ ->
            hubName(text)
                .map(name -> hubs.apply(offline).locate(name, part))
                .orElseGet(() -> Path.of(text)));
  }

  /// A folder that exists is taken before a name.
  private static Optional<ModelName> hubName(String text) {
    return Files.exists(Path.of(text)) ? Optional.empty() : ModelName.parse(text);
  }

  /// On the command line, as opposed to a variable.
  boolean isGiven(String option) {
    return command != null && command.commandLine().getParseResult().hasMatchedOption(option);
  }

  /// The engine's configuration.
  EngineConfig engine() {
    return engine(_ -> {});
  }

  /// The same with what else is set.
  EngineConfig engine(Consumer<EngineConfig.Builder> more) {
    Optional<Path> draft = draftFolder();
    SpeculationMode mode =
        speculation.orElse(draft.isPresent() ? SpeculationMode.DRAFT : SpeculationMode.OFF);
    return EngineConfig.of(
        modelFolder(),
        set -> {
          set.tokenizerFolder = otherTokenizer();
          set.draftFolder = mode == SpeculationMode.DRAFT ? draft : Optional.empty();
          set.backend = backend;
          set.weights = weights;
          set.numerics = numerics;
          set.threads = optional(threads);
          set.maxSequences = maxSequences.orElse(null);
          set.maxTokensPerStep = maxTokensPerStep.orElse(null);
          set.maxWaiting = maxWaiting;
          set.maxModelTokens = optional(maxModelTokens);
          cacheMemory.ifPresent(size -> set.cacheBytes = OptionalLong.of(size.bytes()));
          stateCacheMemory.ifPresent(size -> set.stateCacheBytes = OptionalLong.of(size.bytes()));
          set.speculation = mode;
          set.maxDraftTokens = maxDraftTokens;
          set.draftTokens = optional(draftTokens);
          set.prefixCaching = prefixCaching == OnOff.ON;
          more.accept(set);
        });
  }

  /// The draft model that was named, or the shipped one for the shipped model.
  private Optional<Path> draftFolder() {
    if (draftModel.isPresent()) {
      return draftModel.map(text -> folder(text, Hub.Part.MODEL));
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
