package dev.krait.engine;

import dev.krait.backend.Backends;
import dev.krait.backend.UsualLimits;
import dev.krait.error.EngineException;
import dev.krait.loading.StoredType;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Everything that an [Engine] can be told.
///
/// @param modelFolder checkpoint folder in the Hugging Face layout
/// @param tokenizerFolder folder with another tokenizer than the model's own
/// @param draftFolder checkpoint folder of the draft model, for [SpeculationMode#DRAFT]
/// @param backend `auto`, `cpu`, `reference` or `cuda`
/// @param weights in which type weight matrices are kept
/// @param numerics how exact the numbers are
/// @param threads compute threads of the CPU backends, at most 1024; empty uses every processor
/// @param maxSequences most sequences that run at once, 1 to 4096
/// @param maxTokensPerStep most tokens computed in one step over all sequences, 1 to 131072
/// @param maxWaiting most sequences that wait; more are refused
/// @param maxModelTokens longest prompt plus output; empty takes the model's own limit
/// @param cacheBytes bytes for caches and states; empty lets the plan choose
/// @param stateCacheBytes most bytes for the states of kept prefixes; empty keeps one for each
///   sequence
/// @param speculation who drafts
/// @param maxDraftTokens most tokens drafted for a sequence and step, 1 to 16
/// @param draftTokens a fixed draft length instead of the measured policy
/// @param prefixCaching whether computed prompts are kept for other requests that start alike
/// @param sessions how much conversations may hold
public record EngineConfig(
    Path modelFolder,
    Optional<Path> tokenizerFolder,
    Optional<Path> draftFolder,
    String backend,
    StoredType weights,
    Numerics numerics,
    OptionalInt threads,
    int maxSequences,
    int maxTokensPerStep,
    int maxWaiting,
    OptionalInt maxModelTokens,
    OptionalLong cacheBytes,
    OptionalLong stateCacheBytes,
    SpeculationMode speculation,
    int maxDraftTokens,
    OptionalInt draftTokens,
    boolean prefixCaching,
    SessionLimits sessions) {

  /// [#maxWaiting] unless told otherwise.
  public static final int DEFAULT_MAX_WAITING = 1024;

  /// [#maxDraftTokens] unless told otherwise.
  public static final int DEFAULT_MAX_DRAFT_TOKENS = 5;

  /// [#backend] unless told otherwise.
  public static final String DEFAULT_BACKEND = "auto";

  private static final int MAX_SEQUENCES = 4096;
  private static final int MAX_TOKENS_PER_STEP = 1 << 17;
  private static final int MAX_THREADS = 1024;
  private static final int MAX_WAITING = 1 << 20;

  /// Checks the ranges.
  public EngineConfig {
    within("max-sequences", maxSequences, 1, MAX_SEQUENCES);
    within("max-tokens-per-step", maxTokensPerStep, 1, MAX_TOKENS_PER_STEP);
    within("max-waiting", maxWaiting, 0, MAX_WAITING);
    threads.ifPresent(value -> within("threads", value, 1, MAX_THREADS));
    maxModelTokens.ifPresent(value -> atLeast("max-model-len", value, 1));
    within("max-draft-tokens", maxDraftTokens, 1, 16);
    draftTokens.ifPresent(value -> within("draft-tokens", value, 0, 16));
    if (speculation == SpeculationMode.DRAFT && draftFolder.isEmpty()) {
      throw EngineException.invalidArgument(
          "draft-model", "none", "a folder, with speculation=draft");
    }
  }

  /// Defaults for a model folder: no speculation, the best backend at hand.
  public static EngineConfig of(Path modelFolder) {
    return of(modelFolder, _ -> {});
  }

  /// Defaults for a model folder, but for what is set.
  public static EngineConfig of(Path modelFolder, Consumer<Builder> changes) {
    Builder set = new Builder();
    changes.accept(set);
    UsualLimits usual = Backends.usualLimits(set.backend);
    return new EngineConfig(
        modelFolder,
        set.tokenizerFolder,
        set.draftFolder,
        set.backend,
        set.weights,
        set.numerics,
        set.threads,
        Objects.requireNonNullElse(set.maxSequences, usual.maxSequences()),
        Objects.requireNonNullElse(set.maxTokensPerStep, usual.maxTokensPerStep()),
        set.maxWaiting,
        set.maxModelTokens,
        set.cacheBytes,
        set.stateCacheBytes,
        set.speculation,
        set.maxDraftTokens,
        set.draftTokens,
        set.prefixCaching,
        set.sessions);
  }

  /// The components by name, each with its default.
  public static final class Builder {
    public Optional<Path> tokenizerFolder = Optional.empty();
    public Optional<Path> draftFolder = Optional.empty();
    public String backend = DEFAULT_BACKEND;
    public StoredType weights = StoredType.STORED;
    public Numerics numerics = Numerics.AUTO;
    public OptionalInt threads = OptionalInt.empty();

    /// Null for what is usual on the backend.
    public @Nullable Integer maxSequences;

    /// Null for what is usual on the backend.
    public @Nullable Integer maxTokensPerStep;

    public int maxWaiting = DEFAULT_MAX_WAITING;
    public OptionalInt maxModelTokens = OptionalInt.empty();
    public OptionalLong cacheBytes = OptionalLong.empty();
    public OptionalLong stateCacheBytes = OptionalLong.empty();
    public SpeculationMode speculation = SpeculationMode.OFF;
    public int maxDraftTokens = DEFAULT_MAX_DRAFT_TOKENS;
    public OptionalInt draftTokens = OptionalInt.empty();
    public boolean prefixCaching = true;
    public SessionLimits sessions = SessionLimits.usual();

    private Builder() {}
  }

  /// The folder whose tokenizer counts.
  public Path tokens() {
    return tokenizerFolder.orElse(modelFolder);
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw EngineException.invalidArgument(name, value, least + " or more");
    }
  }

  private static void within(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw EngineException.invalidArgument(name, value, least + " to " + most);
    }
  }
}
