package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import dev.krait.tensor.DType;
import dev.krait.testing.GoldenModel;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class MemoryPlanTest {
  private static final long MIB = 1 << 20;
  private static final HostMemory HOST = new HostMemory(1L << 40, 1L << 40);
  private static final Path LLAMA = GoldenModel.folder("llama-gqa-rope3");

  private static EngineConfig config(
      Path model, SpeculationMode mode, OptionalInt maxModelTokens, OptionalLong cacheBytes) {
    return EngineConfig.of(
        model,
        set -> {
          set.draftFolder = mode == SpeculationMode.DRAFT ? Optional.of(model) : Optional.empty();
          set.backend = "cpu";
          set.maxWaiting = 16;
          set.maxModelTokens = maxModelTokens;
          set.cacheBytes = cacheBytes;
          set.speculation = mode;
          set.maxDraftTokens = 16;
        });
  }

  private static EngineConfig withCache(long bytes) {
    return config(LLAMA, SpeculationMode.OFF, OptionalInt.empty(), OptionalLong.of(bytes));
  }

  private static EngineConfig withLength(Path model, int tokens) {
    return config(model, SpeculationMode.OFF, OptionalInt.of(tokens), OptionalLong.empty());
  }

  private static MemoryPlan plan(EngineConfig config, long heapBytes) {
    return plan(config, memory(heapBytes, OptionalLong.empty()));
  }

  private static MemoryPlan.Memory memory(long heapBytes, OptionalLong deviceBytes) {
    return new MemoryPlan.Memory(heapBytes, deviceBytes, tokens -> 0, HOST, DType.F32);
  }

  private static MemoryPlan plan(EngineConfig config, MemoryPlan.Memory memory) {
    try (ModelLoader model = ModelLoader.open(config.modelFolder())) {
      Optional<ModelLoader> draft = config.draftFolder().map(folder -> model);
      return MemoryPlan.of(config, model, draft, memory);
    }
  }

  @Test
  void takesAShareOfTheHeapUnlessToldOtherwise() {
    EngineConfig config =
        config(LLAMA, SpeculationMode.OFF, OptionalInt.empty(), OptionalLong.empty());

    MemoryPlan plan = plan(config, 100 * MIB);

    assertThat(plan.layout().budgetBytes()).isEqualTo(60 * MIB);
    assertThat(plan.layout().bytes()).isLessThanOrEqualTo(60 * MIB);
    assertThat(plan.distributionBytes()).isZero();
  }

  @Test
  void refusesCachesThatTheHeapCannotHold() {
    assertThatThrownBy(() -> plan(withCache(50 * MIB), 60 * MIB))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "cache-memory: 50.0 MiB (expected: at most 48.0 MiB, 80 % of the Java heap of 60.0 MiB:"
                + " a smaller --cache-memory, or a larger heap with KRAIT_JAVA_OPTIONS=-Xmx64m"
                + " (in a container JDK_JAVA_OPTIONS))");
  }

  @Test
  void theHeapThatTheRefusalNamesIsEnough() {
    assertThat(plan(withCache(50 * MIB), 64 * MIB).layout().bytes()).isLessThanOrEqualTo(50 * MIB);
  }

  @Test
  void countsWhatIsTakenNotWhatWasOffered() {
    MemoryPlan plan = plan(withCache(1L << 40), 1000 * MIB);

    assertThat(plan.layout().bytes()).isEqualTo(64 * 2048L * 2 * 2 * 2 * 16 * 4);
  }

  @Test
  void countsTheCachesOfADeviceWithItsOwnMemoryThere() {
    MemoryPlan.Memory memory = memory(8 * MIB, OptionalLong.of(100 * MIB));
    long weights;
    try (ModelLoader model = ModelLoader.open(LLAMA)) {
      weights = model.weightBytes(StoredType.STORED);
    }

    assertThat(plan(withCache(50 * MIB), memory).layout().bytes()).isGreaterThan(49 * MIB);
    assertThat(plan(withLength(LLAMA, 2048), memory).layout().budgetBytes())
        .isEqualTo(90 * MIB - weights);
  }

  @Test
  void refusesWeightsThatTheDeviceCannotHold() {
    MemoryPlan.Memory memory = memory(100 * MIB, OptionalLong.of(MIB / 10));

    assertThatThrownBy(() -> plan(withLength(LLAMA, 2048), memory))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("weights: ")
        .hasMessageContaining("expected: less than 92.2 KiB, 90 % of what is free on the device");
  }

  @Test
  void leavesRoomForScratchMemoryThatGrowsWithTheContext() {
    long scratch = 30 * MIB;
    MemoryPlan.Memory memory =
        new MemoryPlan.Memory(
            8 * MIB,
            OptionalLong.of(100 * MIB),
            tokens -> scratch * tokens / 2048,
            HOST,
            DType.F32);

    long without =
        plan(withLength(LLAMA, 2048), memory(8 * MIB, OptionalLong.of(100 * MIB)))
            .layout()
            .budgetBytes();

    assertThat(plan(withLength(LLAMA, 2048), memory).layout().budgetBytes())
        .isEqualTo(without - scratch);
  }

  @Test
  void shortensTheContextUntilCachesAndScratchMemoryFit() {
    long weights;
    try (ModelLoader model = ModelLoader.open(LLAMA)) {
      weights = model.weightBytes(StoredType.STORED);
    }
    // Half of it for a sequence of 1024 tokens, half for scratch memory.
    long perToken = 2 * 2 * 2 * 16 * 4;
    long device = (long) Math.ceil((weights + 2 * 1024 * perToken) / 0.9);
    EngineConfig config =
        config(LLAMA, SpeculationMode.OFF, OptionalInt.empty(), OptionalLong.empty());

    MemoryPlan plan =
        plan(
            config,
            new MemoryPlan.Memory(
                8 * MIB, OptionalLong.of(device), tokens -> perToken * tokens, HOST, DType.F32));

    assertThat(plan.layout().demand().maxModelTokens()).isEqualTo(1024);
  }

  @Test
  void refusesWeightsThatTheMachineCannotHoldBesideTheHeap() {
    long heap = 100 * MIB;
    MemoryPlan.Memory small =
        new MemoryPlan.Memory(
            heap, OptionalLong.empty(), tokens -> 0, new HostMemory(heap, 100 * heap), DType.F32);

    assertThatThrownBy(() -> plan(withCache(MIB), small))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("memory: weights of ")
        .hasMessageContaining("a Java heap of up to 100.0 MiB")
        .hasMessageContaining("expected: at most 100.0 MiB together")
        .hasMessageContaining("KRAIT_JAVA_OPTIONS=-Xmx99m");
  }

  @Test
  void refusesWeightsAndCachesForWhichOtherProcessesLeaveNoRoom() {
    MemoryPlan.Memory busy =
        new MemoryPlan.Memory(
            100 * MIB,
            OptionalLong.empty(),
            tokens -> 0,
            new HostMemory(1000 * MIB, 20 * MIB),
            DType.F32);

    assertThat(plan(withCache(10 * MIB), busy).layout().bytes()).isPositive();
    assertThatThrownBy(() -> plan(withCache(21 * MIB), busy))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("caches of 2")
        .hasMessageContaining("expected: at most 20.0 MiB together")
        .hasMessageContaining("--cache-memory");
  }

  @Test
  void aDeviceWithItsOwnMemoryLeavesTheHostAlone() {
    MemoryPlan.Memory memory =
        new MemoryPlan.Memory(
            100 * MIB,
            OptionalLong.of(100 * MIB),
            tokens -> 0,
            new HostMemory(MIB, MIB),
            DType.F32);

    assertThat(plan(withCache(MIB), memory).layout().bytes()).isPositive();
  }

  @Test
  void readsTheMemoryOfThisMachine() {
    HostMemory memory = HostMemory.read();

    assertThat(memory.availableBytes()).isBetween(1L, memory.totalBytes());
    assertThat(memory.totalBytes()).isGreaterThan(Runtime.getRuntime().totalMemory());
  }

  @Test
  void countsTheDistributionsOfADraftModel() {
    EngineConfig config =
        config(LLAMA, SpeculationMode.DRAFT, OptionalInt.empty(), OptionalLong.empty());
    long distributions = 64L * 16 * 512 * 12;

    MemoryPlan plan = plan(config, 100 * MIB);

    assertThat(plan.distributionBytes()).isEqualTo(distributions);
    assertThat(plan.layout().budgetBytes()).isEqualTo(60 * MIB - distributions);
    assertThat(plan.describe())
        .last()
        .asString()
        .contains("distributions of drafts: up to 6.0 MiB");
  }

  @Test
  void refusesDistributionsThatTheHeapCannotHold() {
    EngineConfig config =
        config(LLAMA, SpeculationMode.DRAFT, OptionalInt.empty(), OptionalLong.empty());

    assertThatThrownBy(() -> plan(config, 6 * MIB))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("max-sequences: 64 with drafts that take up to 6.0 MiB")
        .hasMessageContaining("less than 3.6 MiB, 60 % of the Java heap of 6.0 MiB")
        .hasMessageContaining("--max-draft-tokens")
        .hasMessageContaining("KRAIT_JAVA_OPTIONS=-Xmx11m");
  }

  @Test
  void refusesSequencesLongerThanTheModelHasPositionsFor() {
    assertThat(plan(withLength(LLAMA, 2048), 1000 * MIB).layout().demand().maxModelTokens())
        .isEqualTo(2048);
    assertThatThrownBy(() -> plan(withLength(LLAMA, 2049), 1000 * MIB))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("max-model-len: 2049 (expected: at most 2048");
  }

  @Test
  void letsAModelWithoutPositionsGoOn() {
    Path mamba = GoldenModel.folder("mamba1-hf");

    assertThat(plan(withLength(mamba, 1 << 20), 1000 * MIB).layout().demand())
        .satisfies(demand -> assertThat(demand.maxModelTokens()).isEqualTo(1 << 20));
  }

  @Test
  void namesTheOptionThatIsTooSmall() {
    assertThatThrownBy(() -> plan(withCache(1000), 1000 * MIB))
        .hasMessageContaining("cache-memory: 1000 (expected: at least ");
    assertThatThrownBy(() -> withLength(LLAMA, 0)).hasMessageContaining("max-model-len: 0");
  }
}
