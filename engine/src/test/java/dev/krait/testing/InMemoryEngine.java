package dev.krait.testing;

import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.EngineLimits;
import dev.krait.engine.EngineLoop;
import dev.krait.engine.EngineThread;
import dev.krait.engine.StepListener;
import dev.krait.runner.ModelRunner;
import dev.krait.scheduler.DraftLengths;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.SchedulerConfig;
import dev.krait.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// The engine without files or device, around a fake runner.
///
/// Either [#start] gives it a thread of its own, or the test calls [#step] by hand; not both.
public final class InMemoryEngine implements AutoCloseable {
  private final KvCachePools pools;
  private final Scheduler scheduler;
  private final ModelRunner runner;
  private final EngineLoop loop;
  private @Nullable EngineThread thread;

  private InMemoryEngine(Builder builder) {
    CacheLayout layout = builder.layout();
    var snapshots = new SnapshotPolicy(2 * builder.blockTokens);
    pools =
        new KvCachePools(layout, builder.keepsPrefixes ? Optional.of(snapshots) : Optional.empty());

    scheduler =
        new Scheduler(
            new SchedulerConfig(
                builder.maxSequences, builder.maxTokensPerStep, builder.maxDraftTokens),
            pools,
            DraftLengths.fixed(builder.maxDraftTokens),
            builder.nanoClock);
    runner = builder.runner.apply(layout);
    EngineLimits limits =
        new EngineLimits(
            builder.vocabSize, builder.maxModelTokens, builder.maxSequences, builder.maxWaiting);
    loop = new EngineLoop(runner, scheduler, pools, limits, builder.nanoClock, builder.listener);
  }

  /// An engine of a hybrid [PrefixHash] model with room for everything.
  public static Builder builder() {
    return new Builder();
  }

  /// What the code under test holds.
  public EngineHandle handle() {
    return loop.handle();
  }

  /// The pools, for checks.
  public KvCachePools pools() {
    return pools;
  }

  /// The scheduler, for checks.
  public Scheduler scheduler() {
    return scheduler;
  }

  /// The loop, for checks.
  public EngineLoop loop() {
    return loop;
  }

  /// Starts a thread that runs steps.
  public EngineThread start() {
    EngineThread started = EngineThread.start(loop);
    thread = started;
    return started;
  }

  /// Runs one step on this thread.
  ///
  /// @return tokens advanced
  public int step() {
    return loop.doWork();
  }

  /// Runs steps on this thread until nothing is left to do.
  public void runUntilIdle() {
    do {
      loop.doWork();
    } while (!loop.isIdle());
  }

  @Override
  public void close() {
    EngineThread running = thread;
    if (running == null) {
      loop.close();
    } else {
      running.close();
    }
    runner.close();
  }

  /// Settings of an engine, all with defaults.
  public static final class Builder {
    private int vocabSize = 100;
    private int maxModelTokens = 256;
    private int maxSequences = 8;
    private int maxTokensPerStep = 64;
    private int maxWaiting = 64;
    private int maxDraftTokens;
    private int blockTokens = 16;
    private int blocks = -1;
    private int slots = -1;
    private boolean attends = true;
    private boolean recurs = true;
    private boolean keepsPrefixes;
    private LongSupplier nanoClock = System::nanoTime;
    private StepListener listener = StepListener.none();
    private Function<CacheLayout, ModelRunner> runner =
        layout -> new PrefixHashRunner(layout, model(), PrefixHashRunner.Drafting.MIXED, 1);

    private Builder() {}

    /// The model in closed form.
    public PrefixHash model() {
      return new PrefixHash(vocabSize, attends, recurs);
    }

    /// Ids are below this.
    public Builder vocabSize(int value) {
      vocabSize = value;
      return this;
    }

    /// Longest prompt plus output.
    public Builder maxModelTokens(int value) {
      maxModelTokens = value;
      return this;
    }

    /// Most sequences that run.
    public Builder maxSequences(int value) {
      maxSequences = value;
      return this;
    }

    /// Most tokens of a step.
    public Builder stepTokens(int value) {
      maxTokensPerStep = value;
      return this;
    }

    /// Most sequences that wait.
    public Builder maxWaiting(int value) {
      maxWaiting = value;
      return this;
    }

    /// Drafts of a sequence and step.
    public Builder draftTokens(int value) {
      maxDraftTokens = value;
      return this;
    }

    /// Which kinds of layer the model has.
    public Builder layers(boolean attention, boolean recurrent) {
      attends = attention;
      recurs = recurrent;
      return this;
    }

    /// Sizes of the pools.
    public Builder pools(int tokensOfBlock, int blockCount, int slotCount) {
      blockTokens = tokensOfBlock;
      blocks = blockCount;
      slots = slotCount;
      return this;
    }

    /// Whether prefixes are kept.
    public Builder prefixCaching(boolean value) {
      keepsPrefixes = value;
      return this;
    }

    /// The engine's clock.
    public Builder clock(LongSupplier value) {
      nanoClock = value;
      return this;
    }

    /// Who hears of steps.
    public Builder listener(StepListener value) {
      listener = value;
      return this;
    }

    /// Another runner; the engine closes it.
    public Builder runner(Function<CacheLayout, ModelRunner> value) {
      runner = value;
      return this;
    }

    /// The engine, not yet started.
    public InMemoryEngine build() {
      return new InMemoryEngine(this);
    }

    private CacheLayout layout() {
      List<CacheSpec> specs = new ArrayList<>();
      if (attends) {
        specs.add(new KvCacheSpec(1, 1, DType.F32));
      }
      if (recurs) {
        specs.add(new StateSpec(1, 1, 2, 1));
      }
      int window = maxDraftTokens == 0 ? 0 : maxDraftTokens + 1;
      CacheDemand demand =
          new CacheDemand(specs, List.of(), blockTokens, maxSequences, maxModelTokens, window, 0);
      int enough = maxSequences * demand.blocksFor(maxModelTokens);
      return new CacheLayout(demand, 0, blocks >= 0 && attends ? blocks : enough, slotCount());
    }

    private int slotCount() {
      if (!recurs) {
        return 0;
      }
      return slots >= 0 ? slots : maxSequences;
    }
  }
}
