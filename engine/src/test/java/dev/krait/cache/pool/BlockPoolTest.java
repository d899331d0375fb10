package dev.krait.cache.pool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BlockPoolTest {
  private static CacheLayout layout(List<CacheSpec> specs, int pages) {
    return new CacheLayout(new CacheDemand(specs, List.of(), 4, 2, 64, 0, 0), 0, pages, pages);
  }

  private static BlockPool blocks(int total) {
    return new BlockPool(layout(List.of(new KvCacheSpec(1, 1, DType.F32)), total));
  }

  private static int[] counts(BlockPool pool) {
    return new int[] {pool.total(), pool.free(), pool.used()};
  }

  @Test
  void indicesAreTakenFromTheFirstOn() {
    BlockPool pool = blocks(3);
    assertThat(counts(pool)).containsExactly(3, 3, 0);
    assertThat(new int[] {pool.take(), pool.take(), pool.take()}).containsExactly(0, 1, 2);
    assertThat(counts(pool)).containsExactly(3, 0, 3);
  }

  @Test
  void theLastGivenBackIsTheNextTaken() {
    BlockPool pool = blocks(4);
    for (int i = 0; i < 4; i++) {
      pool.take();
    }
    pool.give(1);
    pool.give(3);
    assertThat(pool.isUsed(1)).isFalse();
    assertThat(pool.isUsed(2)).isTrue();
    assertThat(new int[] {pool.take(), pool.take()}).containsExactly(3, 1);
  }

  @Test
  void anEmptyPoolRefuses() {
    BlockPool pool = blocks(1);
    pool.take();
    assertThatThrownBy(pool::take)
        .isInstanceOf(EngineException.class)
        .hasMessage("block: none free (expected: 1 or more)");
    assertThatThrownBy(new SlotPool(layout(List.of(), 0))::take)
        .isInstanceOf(EngineException.class);
  }

  @Test
  void whatIsNotInUseCannotBeGivenBack() {
    BlockPool pool = blocks(2);
    int index = pool.take();
    pool.give(index);
    for (int unused : new int[] {index, 1, 2}) {
      assertThatThrownBy(() -> pool.give(unused))
          .isInstanceOf(EngineException.class)
          .hasMessage("block " + unused + " given back: unused (expected: in use)");
    }
    assertThat(counts(pool)).containsExactly(2, 2, 0);
    pool.checkIntegrity();
  }

  @Test
  void everyIndexHasOneOwnerWhateverTheOrder() {
    Random random = new Random(5);
    BlockPool pool = blocks(17);
    List<Integer> taken = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      if (taken.size() < 17 && (taken.isEmpty() || random.nextBoolean())) {
        int index = pool.take();
        assertThat(index).isBetween(0, 16);
        assertThat(taken).doesNotContain(index);
        taken.add(index);
      } else {
        Collections.shuffle(taken, random);
        pool.give(taken.removeLast());
      }
      assertThat(pool.used()).isEqualTo(taken.size());
      pool.checkIntegrity();
    }
  }

  @Test
  void layersOfOneKindNeedOnePool() {
    CacheLayout attention = layout(List.of(new KvCacheSpec(1, 1, DType.F32)), 5);
    assertThat(new BlockPool(attention).blocksFor(9)).isEqualTo(3);
    assertThat(new SlotPool(attention).isNeeded()).isFalse();
    CacheLayout recurrent = layout(List.of(new StateSpec(1, 1, 2, 1)), 5);
    assertThat(new BlockPool(recurrent).blocksFor(9)).isZero();
    assertThat(new SlotPool(recurrent).isNeeded()).isTrue();
    assertThat(new SlotPool(recurrent).sequenceSlots()).as("of 5, for 2 sequences").isEqualTo(2);
  }
}
