package dev.krait.speculation;

import dev.krait.backend.Backend;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.cache.sequence.KvCachePools;
import dev.krait.engine.EngineHandle;
import dev.krait.engine.EngineLimits;
import dev.krait.engine.EngineLoop;
import dev.krait.engine.StepListener;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.TokenStream;
import dev.krait.runner.BackendModelRunner;
import dev.krait.runner.Drafts;
import dev.krait.runner.ForwardPass;
import dev.krait.runner.ModelRig;
import dev.krait.runner.ModelRunner;
import dev.krait.scheduler.DraftLengths;
import dev.krait.scheduler.Scheduler;
import dev.krait.scheduler.SchedulerConfig;
import dev.krait.testing.TestBackends;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntFunction;

/// A target with any drafter in a real engine loop, stepped by hand.
final class SpeculationRig implements AutoCloseable {
  private final List<AutoCloseable> resources = new ArrayList<>();
  private final EngineLoop loop;
  private final KvCachePools pools;

  /// What a generation gave.
  ///
  /// @param ids generated tokens
  /// @param logprobs log-probability of each token and of its first alternatives, as bits
  /// @param end how it ended
  record Answer(List<Integer> ids, List<Integer> logprobs, GenerationEvent.End end) {}

  /// Sizes of a rig.
  ///
  /// @param draftTokens fixed draft length; 0 decodes plainly
  /// @param maxSequences seats
  /// @param maxModelTokens longest sequence
  /// @param maxTokensPerStep tokens of a step
  /// @param cacheShare share of the useful cache bytes that is granted
  /// @param snapshots state slots beside those of sequences; -1 keeps no prefixes
  /// @param pendingSteps steps of the target, or with a draft model passes of that, submitted
  ///   before the first is awaited
  record Sizes(
      int draftTokens,
      int maxSequences,
      int maxModelTokens,
      int maxTokensPerStep,
      double cacheShare,
      int snapshots,
      int pendingSteps) {

    Sizes(
        int draftTokens,
        int maxSequences,
        int maxModelTokens,
        int maxTokensPerStep,
        double cacheShare,
        int snapshots) {
      this(draftTokens, maxSequences, maxModelTokens, maxTokensPerStep, cacheShare, snapshots, 1);
    }

    Sizes(
        int draftTokens,
        int maxSequences,
        int maxModelTokens,
        int maxTokensPerStep,
        double cacheShare) {
      this(draftTokens, maxSequences, maxModelTokens, maxTokensPerStep, cacheShare, -1);
    }
  }

  /// A rig without a draft model.
  static SpeculationRig of(
      Path target, Backend backend, Sizes sizes, Function<Integer, Drafter> drafter) {
    return new SpeculationRig(
        target, Optional.empty(), backend, sizes, drafter, SpeculationRig::fixed);
  }

  /// A rig with a draft model.
  static SpeculationRig withModel(Path target, Path draft, Backend backend, Sizes sizes) {
    return withModel(target, draft, backend, sizes, SpeculationRig::fixed);
  }

  /// A rig with a draft model and a policy made for the most drafts.
  static SpeculationRig withModel(
      Path target,
      Path draft,
      Backend backend,
      Sizes sizes,
      IntFunction<DraftLengthPolicy> policy) {
    return new SpeculationRig(
        target, Optional.of(draft), backend, sizes, vocab -> new NgramDrafter(1, 3), policy);
  }

  private static DraftLengthPolicy fixed(int draftTokens) {
    return new FixedDraftLength("test", draftTokens);
  }

  private SpeculationRig(
      Path target,
      Optional<Path> draft,
      Backend backend,
      Sizes sizes,
      Function<Integer, Drafter> drafters,
      IntFunction<DraftLengthPolicy> policies) {
    TestBackends.assumeComputes(backend, target);
    draft.ifPresent(folder -> TestBackends.assumeComputes(backend, folder));
    int window = sizes.draftTokens() == 0 ? 0 : sizes.draftTokens() + 1;
    ModelRig models =
        opened(
            new ModelRig(
                target,
                draft,
                backend,
                TestBackends.weights(backend),
                new ModelRig.Sizes(
                    sizes.maxSequences(),
                    sizes.maxModelTokens(),
                    sizes.maxTokensPerStep(),
                    window,
                    Math.max(0, sizes.snapshots()),
                    sizes.cacheShare())));
    ForwardPass pass = models.target();
    int vocab = pass.model().spec().vocabSize();
    BackendModelRunner plain =
        new BackendModelRunner(
            pass, sizes.maxSequences(), sizes.draftTokens(), sizes.pendingSteps(), () -> 0);
    ModelRunner runner = plain;
    DraftLengths lengths = DraftLengths.fixed(0);
    if (sizes.draftTokens() > 0) {
      Drafter drafter =
          models
              .draft()
              .map(own -> {
                boolean chained = sizes.pendingSteps() > 1;
                return (Drafter)
                    new ModelDrafter(own, sizes.maxSequences(), sizes.draftTokens(), chained);
              })
              .orElseGet(() -> drafters.apply(vocab));
      DraftLengthPolicy policy = policies.apply(sizes.draftTokens());
      lengths = policy;
      Drafts drafts = new Drafts(sizes.maxSequences(), sizes.draftTokens(), vocab);
      runner = new SpeculativeRunner(plain, drafter, drafts, policy, () -> 0);
    }
    opened(runner);
    pools =
        new KvCachePools(
            models.layout(),
            sizes.snapshots() < 0 ? Optional.empty() : Optional.of(new SnapshotPolicy(32)));
    SchedulerConfig config =
        new SchedulerConfig(sizes.maxSequences(), sizes.maxTokensPerStep(), sizes.draftTokens());
    Scheduler scheduler = new Scheduler(config, pools, lengths, () -> 0);
    EngineLimits limits =
        new EngineLimits(vocab, sizes.maxModelTokens(), sizes.maxSequences(), 1000);
    loop = new EngineLoop(runner, scheduler, pools, limits, () -> 0, StepListener.none());
  }

  private <T extends AutoCloseable> T opened(T resource) {
    resources.add(resource);
    return resource;
  }

  EngineHandle handle() {
    return loop.handle();
  }

  /// One step.
  void step() {
    loop.doWork();
  }

  /// Submits all requests and steps until the last has ended.
  List<Answer> run(List<GenerationRequest> requests) {
    List<TokenStream> streams = requests.stream().map(handle()::submit).toList();
    do {
      loop.doWork();
    } while (!loop.isIdle());
    pools.checkIntegrity();
    return streams.stream().map(SpeculationRig::read).toList();
  }

  private static Answer read(TokenStream stream) {
    List<Integer> ids = new ArrayList<>();
    List<Integer> logprobs = new ArrayList<>();
    while (true) {
      switch (stream.next()) {
        case GenerationEvent.Tokens tokens -> {
          for (int i = 0; i < tokens.ids().size(); i++) {
            ids.add(tokens.ids().at(i));
          }
          for (var token : tokens.logprobs()) {
            logprobs.add(Float.floatToIntBits(token.logprob()));
            for (int i = 0; i < token.topCount(); i++) {
              logprobs.add(token.topId(i));
              logprobs.add(Float.floatToIntBits(token.topLogprob(i)));
            }
          }
        }
        case GenerationEvent.PromptLogprobs prompt -> {}
        case GenerationEvent.End end -> {
          return new Answer(ids, logprobs, end);
        }
      }
    }
  }

  @Override
  public void close() {
    loop.close();
    for (AutoCloseable resource : resources.reversed()) {
      try {
        resource.close();
      } catch (Exception failure) {
        throw new IllegalStateException(failure);
      }
    }
  }
}
