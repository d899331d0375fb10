package dev.krait.cache.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

class CachePlannerTest {
  // 2 x 2 heads x 8 x 2 bytes = 64 bytes a token, 1024 a block.
  private static final CacheSpec KV = new KvCacheSpec(2, 8, DType.BF16);
  // 4 x (100 + 4 x 5) = 480 bytes without a window.
  private static final CacheSpec STATE = new StateSpec(100, 5, 4, 3);

  @Test
  void aLargeBudgetIsTakenOnlyAsFarAsItCanBeUsed() {
    CacheDemand demand = demand(List.of(KV, STATE), List.of(), 4, 2048, 0);
    CacheLayout layout = CachePlanner.plan(demand, 1L << 40);
    assertThat(layout.blocks()).isEqualTo(4 * 128);
    assertThat(layout.stateSlots()).isEqualTo(4);
    assertThat(layout.bytes()).isEqualTo(4 * (128 * 1024 + 480));
    assertThat(layout.bytes()).isEqualTo(CachePlanner.usableBytes(demand));
    assertThat(layout.sequencesOf(2048)).isEqualTo(4);
  }

  @Test
  void aTightBudgetGivesSlotsForTypicalLengthsAndTheRestToBlocks() {
    CacheDemand demand = demand(List.of(KV, STATE), List.of(), 100, 2048, 0);
    long typical = 64 * 1024 + 480;
    CacheLayout layout = CachePlanner.plan(demand, 10 * typical + 2000);
    assertThat(layout.stateSlots()).isEqualTo(10);
    assertThat(layout.blocks()).isEqualTo(641);
    assertThat(layout.bytes()).isLessThanOrEqualTo(10 * typical + 2000);
    assertThat(layout.sequencesOf(2048)).isEqualTo(5);
    assertThat(layout.sequencesOf(1024)).isEqualTo(10);
    assertThat(layout.describe().getLast()).contains("5 sequences of 2048 tokens, 10 of 1024");
  }

  @Test
  void snapshotsTakeSlotsOfWhatSequencesLeave() {
    CacheDemand demand = new CacheDemand(List.of(KV, STATE), List.of(), 16, 4, 2048, 0, 10);
    long sequences = 4 * (128 * 1024 + 480);
    assertThat(CachePlanner.usableBytes(demand)).isEqualTo(sequences + 10 * 480);
    assertThat(CachePlanner.plan(demand, 1L << 40).stateSlots()).isEqualTo(14);
    CacheLayout layout = CachePlanner.plan(demand, sequences + 3 * 480 + 479);
    assertThat(layout.stateSlots()).isEqualTo(7);
    assertThat(layout.blocks()).isEqualTo(4 * 128);
    assertThat(layout.sequencesOf(2048)).isEqualTo(4);
    assertThat(layout.describe()).contains("  of these for prompts that are kept: 3 slots");
  }

  @Test
  void oneSequenceOfFullLengthIsTheLeast() {
    CacheDemand demand = demand(List.of(KV, STATE), List.of(), 8, 2048, 0);
    long least = 128 * 1024 + 480;
    CacheLayout layout = CachePlanner.plan(demand, least);
    assertThat(layout.sequencesOf(2048)).isEqualTo(1);
    assertThatThrownBy(() -> CachePlanner.plan(demand, least - 1))
        .isInstanceOfSatisfying(
            EngineException.class,
            failure -> assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
        .hasMessageContaining("cache-memory: 131551 (expected: at least 131552")
        .hasMessageContaining("2048 takes 128 blocks of 1024 bytes and 480 bytes of state");
  }

  @Test
  void everyBudgetIsKeptAndServesAtLeastOneSequence() {
    for (int window = 0; window < 6; window++) {
      CacheDemand demand = demand(List.of(KV, STATE, STATE), List.of(KV), 16, 700, window);
      long least = 44 * demand.bytesPerBlock() + demand.bytesPerSlot();
      for (long budget = least; budget < 20 * least; budget += 777) {
        CacheLayout layout = CachePlanner.plan(demand, budget);
        assertThat(layout.bytes()).isLessThanOrEqualTo(budget);
        assertThat(layout.sequencesOf(700)).isBetween(1, 16);
      }
    }
  }

  @Test
  void aModelWithoutAttentionNeedsNoBlockAndOneWithoutStateNoSlot() {
    CacheLayout recurrent = CachePlanner.plan(demand(List.of(STATE), List.of(), 4, 99, 0), 1000);
    assertThat(recurrent.blocks()).isZero();
    assertThat(recurrent.stateSlots()).isEqualTo(2);
    assertThat(recurrent.sequencesOf(99)).isEqualTo(2);
    CacheLayout attention = CachePlanner.plan(demand(List.of(KV), List.of(), 4, 32, 0), 5000);
    assertThat(attention.blocks()).isEqualTo(4);
    assertThat(attention.stateSlots()).isZero();
    assertThat(attention.sequencesOf(32)).isEqualTo(2);
  }

  @Test
  void theDraftModelAndTheReplayWindowArePartOfThePlan() {
    CacheDemand demand = demand(List.of(KV, STATE), List.of(KV, STATE), 2, 16, 5);
    // 4 x (100 + (3 + 5) x 5 + 10 x 3) = 680 bytes.
    assertThat(demand.bytesPerSlot()).isEqualTo(2 * 680);
    CacheLayout layout = CachePlanner.plan(demand, 1 << 20);
    assertThat(layout.draftBytes()).isEqualTo(2 * 1024 + 2 * 680);
    assertThat(String.join("\n", layout.describe()))
        .contains("2 blocks of 16 tokens, 2.0 KiB each")
        .contains("2 slots, 1.3 KiB each, 2.7 KiB; replay window of 5 tokens")
        .contains("of these for the draft model: 3.3 KiB")
        .contains("concurrency: 2 sequences of 16 tokens");
  }

  private static CacheDemand demand(
      List<CacheSpec> target, List<CacheSpec> draft, int sequences, int tokens, int window) {
    return new CacheDemand(target, draft, CacheDemand.BLOCK_TOKENS, sequences, tokens, window, 0);
  }
}
