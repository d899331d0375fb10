package dev.krait.cache.sequence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

class KvCachePoolsTest {
  private final KvCachePools pools = pools(6, 2);

  private static KvCachePools pools(int blocks, int slots) {
    List<CacheSpec> specs = List.of(new KvCacheSpec(1, 1, DType.F32), new StateSpec(1, 1, 2, 1));
    return new KvCachePools(
        new CacheLayout(new CacheDemand(specs, List.of(), 4, 2, 64, 5, 0), 0, blocks, slots));
  }

  @Test
  void directTokensTakeBlocksAndLeaveNothingPending() {
    SequenceCache memory = open(pools);
    assertThat(memory.reserve(9, 0)).isTrue();
    assertThat(memory.blocks()).isEqualTo(3);
    memory.commit(9);
    assertThat(memory.committedTokens()).isEqualTo(9);
    assertThat(memory.pendingTokens()).isZero();
    assertThat(pools.blocksUsed()).isEqualTo(3);
    pools.checkIntegrity();
  }

  @Test
  void acceptedWindowedTokensArePendingUntilTheNextStepFoldsThem() {
    SequenceCache memory = open(pools);
    commitDirect(memory, 4);
    assertThat(memory.reserve(0, 5)).isTrue();
    memory.commit(3);
    assertThat(memory.committedTokens()).isEqualTo(7);
    assertThat(memory.pendingTokens()).isEqualTo(3);
    assertThat(memory.reserve(0, 5)).isTrue();
    memory.commit(1);
    assertThat(memory.pendingTokens()).isEqualTo(1);
    commitDirect(memory, 1);
    assertThat(memory.pendingTokens()).isZero();
    assertThat(memory.committedTokens()).isEqualTo(9);
  }

  @Test
  void aFlushLeavesNothingPending() {
    SequenceCache memory = open(pools);
    assertThat(memory.reserve(0, 2)).isTrue();
    memory.commit(2);
    memory.markFlushed();
    assertThat(memory.pendingTokens()).isZero();
    assertThat(memory.committedTokens()).isEqualTo(2);
  }

  @Test
  void blocksOfRejectedTokensGoBack() {
    SequenceCache memory = open(pools);
    commitDirect(memory, 4);
    assertThat(memory.reserve(0, 5)).isTrue();
    assertThat(memory.blocks()).isEqualTo(3);
    memory.commit(1);
    assertThat(memory.blocks()).isEqualTo(2);
    assertThat(pools.blocksFree()).isEqualTo(4);
  }

  @Test
  void aReservationThatDoesNotFitChangesNothing() {
    SequenceCache memory = open(pools);
    commitDirect(memory, 10);
    assertThat(memory.reserve(1, 0)).isTrue();
    int before = pools.blocksUsed();
    assertThat(memory.reserve(15, 0)).isFalse();
    assertThat(pools.blocksUsed()).isEqualTo(before);
    memory.commit(1);
    assertThat(memory.committedTokens()).isEqualTo(11);
  }

  @Test
  void aLaterReservationReplacesAnEarlierOne() {
    SequenceCache memory = open(pools);
    assertThat(memory.reserve(1, 0)).isTrue();
    assertThat(memory.reserve(0, 5)).isTrue();
    memory.commit(2);
    assertThat(memory.pendingTokens()).isEqualTo(2);
    assertThat(memory.committedTokens()).isEqualTo(2);
    assertThat(memory.blocks()).isEqualTo(1);
  }

  @Test
  void whenSlotsRunOutOpenSaysNoAndCloseMakesRoom() {
    SequenceCache first = open(pools);
    open(pools);
    assertThat(pools.open()).isEmpty();
    int slot = first.stateSlot();
    commitDirect(first, 20);
    first.close();
    assertThat(pools.blocksUsed()).isZero();
    assertThat(open(pools).stateSlot()).isEqualTo(slot);
    assertThat(pools.slotsUsed()).isEqualTo(2);
    pools.checkIntegrity();
  }

  @Test
  void twoSequencesNeverShareABlock() {
    SequenceCache first = open(pools);
    SequenceCache second = open(pools);
    commitDirect(first, 5);
    commitDirect(second, 9);
    commitDirect(first, 4);
    pools.checkIntegrity();
    assertThat(second.reserve(4, 0)).isFalse();
    assertThat(pools.blocksFree()).isZero();
  }

  @Test
  void direct_tokens_of_a_further_step_stay_reserved() {
    SequenceCache memory = open(pools);
    assertThat(memory.reserve(4 + 5, 0)).isTrue();
    memory.commit(4);
    assertThat(memory.committedTokens()).isEqualTo(4);
    assertThat(memory.blocks()).isEqualTo(pools.blocksFor(9));
    memory.commit(5);
    assertThat(memory.blocks()).isEqualTo(pools.blocksFor(9));
    assertBroken(() -> memory.commit(1), "committed tokens: 1");
    assertThat(memory.reserve(0, 3)).isTrue();
    memory.commit(1);
    assertThat(memory.pendingTokens()).isEqualTo(1);
    assertThat(memory.blocks()).isEqualTo(pools.blocksFor(10));
  }

  @Test
  void brokenPromisesAreErrors() {
    SequenceCache memory = open(pools);
    assertBroken(() -> memory.reserve(1, 1), "1 direct, 1 windowed");
    assertBroken(() -> memory.reserve(0, 6), "windowed up to 5");
    assertBroken(() -> memory.commit(1), "committed tokens: 1");
    assertThat(memory.reserve(3, 0)).isTrue();
    assertBroken(() -> memory.commit(0), "committed tokens: 0 (expected: 1 to 3");
    assertBroken(() -> memory.commit(4), "committed tokens: 4 (expected: 1 to 3");
    assertThat(memory.reserve(0, 3)).isTrue();
    assertBroken(() -> memory.commit(0), "committed tokens: 0 (expected: 1 to 3");
    assertBroken(() -> memory.commit(4), "committed tokens: 4 (expected: 1 to 3");
    memory.close();
    assertBroken(memory::close, "closed (expected: open)");
  }

  @Test
  void layersOfOneKindUseOnePool() {
    CacheSpec state = new StateSpec(1, 1, 2, 1);
    KvCachePools recurrent = new KvCachePools(layout(List.of(state), 0, 1));
    SequenceCache memory = open(recurrent);
    commitDirect(memory, 60);
    assertThat(memory.blocks()).isZero();
    KvCachePools attention =
        new KvCachePools(layout(List.of(new KvCacheSpec(1, 1, DType.F32)), 9, 0));
    assertThat(open(attention).stateSlot()).isEqualTo(-1);
    assertThat(attention.open()).isPresent();
  }

  private static CacheLayout layout(List<CacheSpec> specs, int blocks, int slots) {
    return new CacheLayout(new CacheDemand(specs, List.of(), 4, 2, 64, 0, 0), 0, blocks, slots);
  }

  private static SequenceCache open(KvCachePools from) {
    return from.open().orElseThrow().memory();
  }

  private static void commitDirect(SequenceCache memory, int tokens) {
    assertThat(memory.reserve(tokens, 0)).isTrue();
    memory.commit(tokens);
  }

  private static void assertBroken(Runnable action, String message) {
    assertThatThrownBy(action::run)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(message);
  }
}
