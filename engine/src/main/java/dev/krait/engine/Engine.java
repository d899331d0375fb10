package dev.krait.engine;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.loading.LoadedModel;
import dev.krait.loading.ModelLoader;
import dev.krait.runner.BackendModelRunner;
import dev.krait.runner.CacheContents;
import dev.krait.runner.Drafts;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.WarmUp;
import dev.krait.scheduler.DraftLengths;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.SchedulerConfig;
import dev.krait.session.ModelFingerprint;
import dev.krait.speculation.DraftLengthPolicy;
import dev.krait.speculation.Drafter;
import dev.krait.speculation.FixedDraftLength;
import dev.krait.speculation.MeasuredDraftLength;
import dev.krait.speculation.ModelDrafter;
import dev.krait.speculation.NgramDrafter;
import dev.krait.speculation.SpeculationReport;
import dev.krait.speculation.SpeculativeRunner;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A model that serves generations in this process: loader, backend, pools, scheduler, runner and
/// drafter, wired.
///
/// ```
/// try (Engine engine = Engine.open(EngineConfig.of(folder))) {
///   TokenStream stream = engine.handle().submit(request);
/// }
/// ```
public final class Engine implements AutoCloseable {
  private static final int MIN_NGRAM = 1;
  private static final int MAX_NGRAM = 4;
  private static final long WARM_UP_NANOS = 1_000_000_000;

  /// A snapshot takes a step more, which is what a few tens of prompt tokens cost on every machine
  /// measured so far.
  private static final int MIN_SNAPSHOT_TOKENS = 64;

  private final Resources resources;
  private final EngineHandle handle;
  private final ModelInfo model;
  private final String backend;
  private final CacheLayout layout;
  private final Optional<DraftLengthPolicy> policy;
  private final Sessions sessions;

  private Engine(
      Resources resources,
      EngineHandle handle,
      ModelInfo model,
      String backend,
      CacheLayout layout,
      Optional<DraftLengthPolicy> policy,
      Sessions sessions) {
    this.resources = resources;
    this.handle = handle;
    this.model = model;
    this.backend = backend;
    this.layout = layout;
    this.policy = policy;
    this.sessions = sessions;
  }

  /// Loads a model and starts the engine thread.
  ///
  /// @throws EngineException INVALID_CHECKPOINT, INVALID_ARGUMENT or UNSUPPORTED, saying what was
  ///   found and expected
  public static Engine open(EngineConfig config) {
    return open(config, StepListener.none(), line -> {});
  }

  /// The same, with an observer of the steps.
  ///
  /// @param plan is given the lines of the memory plan before any weight is loaded
  public static Engine open(EngineConfig config, StepListener listener, Consumer<String> plan) {
    Resources resources = new Resources();
    try {
      return open(config, listener, plan, resources);
    } catch (RuntimeException failure) {
      resources.closeAfter(failure);
      throw failure;
    } catch (InternalError fault) {
      EngineException failure = cutFile(config, resources, fault);
      resources.closeAfter(failure);
      throw failure;
    } catch (OutOfMemoryError full) {
      EngineException failure =
          new EngineException(
              ErrorCode.RESOURCE_EXHAUSTED,
              "memory: the Java heap of %s is full (expected: room for scratch memory; smaller limits, or a larger heap with KRAIT_JAVA_OPTIONS=-Xmx...)"
                  .formatted(CacheLayout.size(Runtime.getRuntime().maxMemory())),
              full);
      resources.closeAfter(failure);
      throw failure;
    }
  }

  /// What the virtual machine throws when a mapped file has become shorter: the file where it is
  /// known, the folders otherwise.
  static EngineException cutFile(EngineConfig config, Resources resources, InternalError fault) {
    try {
      for (ModelLoader loader : resources.of(ModelLoader.class)) {
        loader.folder().checkpoint().requireUncut();
      }
    } catch (EngineException cut) {
      cut.addSuppressed(fault);
      return cut;
    }
    return new EngineException(
        ErrorCode.INTERNAL,
        "%s: %s (expected: files that stay as they are while they are read; is one still being copied?)"
            .formatted(
                config.modelFolder() + config.draftFolder().map(draft -> " or " + draft).orElse(""),
                fault.getMessage()),
        fault);
  }

  private static Engine open(
      EngineConfig config, StepListener listener, Consumer<String> plan, Resources resources) {
    ModelLoader target = resources.opened(ModelLoader.open(config.modelFolder()));
    Optional<ModelLoader> draft =
        config.speculation() == SpeculationMode.DRAFT
            ? config.draftFolder().map(folder -> resources.opened(ModelLoader.open(folder)))
            : Optional.empty();
    Path tokens = config.tokens();
    draft.flatMap(loader -> SameVocabulary.require(target, tokens, loader)).ifPresent(plan);
    ModelFacts facts = ModelFacts.read(target, tokens);
    Backends.Selection selected =
        Backends.select(
            config.backend(), config.threads(), mode -> allows(config, target, draft, mode));
    Backend backend = resources.opened(selected.backend());
    MemoryPlan.Memory room = MemoryPlan.Memory.of(backend, target, draft);
    MemoryPlan memory = MemoryPlan.of(config, target, draft, room);
    memory.describe().forEach(plan);
    CacheLayout layout = memory.layout();
    int maxTokens = config.maxTokensPerStep();
    LoadedModel model = target.load(backend, config.weights());
    ForwardPass pass = new ForwardPass(model, layout, maxTokens);
    int maxDrafts = layout.demand().window() == 0 ? 0 : layout.demand().window() - 1;
    int capacity = config.maxSequences();
    int pending = backend.runsAhead() ? 2 : 1;
    BackendModelRunner plain =
        new BackendModelRunner(pass, capacity, maxDrafts, pending, System::nanoTime);
    Optional<Drafter> drafter = drafter(config, draft, backend, layout, maxDrafts);
    Optional<DraftLengthPolicy> policy = drafter.map(any -> policy(config, maxDrafts));
    ModelRunner runner = plain;
    if (drafter.isPresent()) {
      Drafts drafts = new Drafts(capacity, maxDrafts, target.spec().vocabSize());
      runner =
          new SpeculativeRunner(
              plain, drafter.get(), drafts, policy.orElseThrow(), System::nanoTime);
    }
    resources.opened(runner);
    ModelInfo info = facts.of(model, layout.demand().maxModelTokens());
    KvCachePools pools = new KvCachePools(layout, snapshots(config));
    EngineLoop loop = loop(config, pools, runner, policy, info, maxDrafts, listener);
    resources.opened(EngineThread.start(loop, enough -> warmUp(pass, drafter, maxDrafts, enough)));
    String description =
        "%s, numerics %s (%s)"
            .formatted(backend.describe(), backend.numericMode().text(), selected.reason());
    CacheContents contents = new CacheContents(pass.caches(), layout);
    Sessions sessions = new Sessions(loop, contents, fingerprint(target, config, backend));
    return new Engine(resources, loop.handle(), info, description, layout, policy, sessions);
  }

  /// Read when it is asked for first, because it takes all weights.
  private static Supplier<ModelFingerprint> fingerprint(
      ModelLoader target, EngineConfig config, Backend backend) {
    String numerics =
        "%s on %s, weights %s"
            .formatted(
                backend.numericMode().text(),
                backend.name(),
                config.weights().name().toLowerCase(Locale.ROOT));
    AtomicReference<@Nullable ModelFingerprint> known = new AtomicReference<>();
    return () -> {
      ModelFingerprint now = known.get();
      if (now == null) {
        now = new ModelFingerprint(target.weightsDigest(), target.configDigest(), numerics);
        known.set(now);
      }
      return now;
    };
  }

  /// Whether the configuration and the weights of both models allow a mode.
  private static boolean allows(
      EngineConfig config, ModelLoader target, Optional<ModelLoader> draft, NumericMode mode) {
    return config
        .numerics()
        .mode()
        .map(mode::equals)
        .orElseGet(() ->
            target.fits(mode, config.weights())
                && draft.map(own -> own.fits(mode, config.weights())).orElse(true));
  }

  /// Compiles what decoding needs, until the first request comes or the time is up.
  private static void warmUp(
      ForwardPass pass, Optional<Drafter> drafter, int maxDrafts, BooleanSupplier enough) {
    long end = System.nanoTime() + WARM_UP_NANOS;
    WarmUp.run(pass, maxDrafts, () -> enough.getAsBoolean() || System.nanoTime() > end);
    if (drafter.isPresent() && drafter.get() instanceof ModelDrafter own) {
      long later = System.nanoTime() + WARM_UP_NANOS / 4;
      own.warmUp(() -> enough.getAsBoolean() || System.nanoTime() > later);
    }
  }

  private static Optional<SnapshotPolicy> snapshots(EngineConfig config) {
    return config.prefixCaching()
        ? Optional.of(new SnapshotPolicy(MIN_SNAPSHOT_TOKENS))
        : Optional.empty();
  }

  private static EngineLoop loop(
      EngineConfig config,
      KvCachePools pools,
      ModelRunner runner,
      Optional<DraftLengthPolicy> policy,
      ModelInfo info,
      int maxDrafts,
      StepListener listener) {
    SchedulerConfig limits =
        new SchedulerConfig(config.maxSequences(), config.maxTokensPerStep(), maxDrafts);
    DraftLengths lengths = policy.isPresent() ? policy.get() : DraftLengths.fixed(0);
    Scheduler scheduler = new Scheduler(limits, pools, lengths, System::nanoTime);
    EngineLimits door =
        new EngineLimits(
            info.vocabSize(),
            info.maxTokens(),
            config.maxSequences(),
            config.maxWaiting(),
            config.sessions());
    return new EngineLoop(runner, scheduler, pools, door, System::nanoTime, listener);
  }

  private static Optional<Drafter> drafter(
      EngineConfig config,
      Optional<ModelLoader> draft,
      Backend backend,
      CacheLayout layout,
      int maxDrafts) {
    return switch (config.speculation()) {
      case OFF -> Optional.empty();
      case NGRAM -> Optional.of(new NgramDrafter(MIN_NGRAM, MAX_NGRAM));
      case DRAFT -> {
        LoadedModel model = draft.orElseThrow().load(backend, config.weights());
        ForwardPass pass = new ForwardPass(model, layout, config.maxTokensPerStep(), true);
        yield Optional.of(new ModelDrafter(pass, config.maxSequences(), maxDrafts));
      }
    };
  }

  private static DraftLengthPolicy policy(EngineConfig config, int maxDrafts) {
    String drafter = config.speculation() == SpeculationMode.NGRAM ? "ngram" : "draft";
    return config.draftTokens().isPresent()
        ? new FixedDraftLength(drafter, config.draftTokens().getAsInt())
        : new MeasuredDraftLength(drafter, maxDrafts, config.maxTokensPerStep());
  }

  /// Submits, cancels and observes; from any thread.
  public EngineHandle handle() {
    return handle;
  }

  /// Conversations by name.
  public Sessions sessions() {
    return sessions;
  }

  /// The loaded model.
  public ModelInfo model() {
    return model;
  }

  /// What computes, and why it was chosen.
  public String describeBackend() {
    return backend;
  }

  /// How cache memory is laid out.
  public CacheLayout layout() {
    return layout;
  }

  /// What speculation knows and chooses; empty when it is off.
  public Optional<SpeculationReport> speculation() {
    return policy.map(DraftLengthPolicy::report);
  }

  /// Ends what still runs and frees everything.
  @Override
  public void close() {
    resources.close();
  }
}
