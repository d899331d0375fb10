package dev.krait.cache.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.BlockPool;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.pool.SlotPool;
import dev.krait.generation.TokenIds;
import dev.krait.tensor.DType;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// One path at a time in a cache with blocks of 4 tokens and snapshots at least 4 tokens apart.
class PromptPathTest {
  private static final CacheDemand DEMAND =
      new CacheDemand(
          List.of(new KvCacheSpec(1, 1, DType.F32), new StateSpec(1, 1, 2, 1)),
          List.of(),
          4,
          4,
          64,
          5,
          4);

  private static final CacheLayout LAYOUT = new CacheLayout(DEMAND, 0, 20, 4);

  private final BlockPool blocks = new BlockPool(LAYOUT);
  private final PrefixCache cache =
      new PrefixCache(new SnapshotPolicy(4), blocks, new SlotPool(LAYOUT));

  private static TokenIds prompt(int tokens) {
    return TokenIds.of(IntStream.range(0, tokens).toArray());
  }

  private PromptPath open(TokenIds prompt) {
    return cache.open(new PrefixKey(prompt));
  }

  /// Puts all that is computed in the cache, and says how many tokens it then has.
  private int advance(PromptPath path, int committed, boolean hasDraftModel) {
    for (TokenIds next = path.next(committed); next.size() > 0; next = path.next(committed)) {
      path.advance(next, blocks.take(), hasDraftModel);
    }
    return path.tokens();
  }

  @Test
  void wholeBlocksEnterTheCacheOnceTheyAreComputed() {
    PromptPath path = open(prompt(11));
    assertThat(path.next(3).size()).isZero();
    assertThat(path.next(4)).isEqualTo(prompt(4));
    assertThat(advance(path, 7, false)).isEqualTo(4);
    assertThat(advance(path, 64, false)).as("generated tokens stay out").isEqualTo(8);
    int[] table = new int[2];
    path.copyBlocks(table);
    assertThat(table).containsExactly(0, 1);
    assertThat(path.blocks()).isEqualTo(2);
  }

  @Test
  void aChunkEndsAtTheLastBoundaryAndASnapshotIsTakenThereOnly() {
    PromptPath path = open(prompt(11));
    assertThat(path.maxTokens(0)).isEqualTo(8);
    assertThat(path.maxTokens(5)).isEqualTo(3);
    assertThat(path.maxTokens(8)).isEqualTo(Integer.MAX_VALUE);
    advance(path, 4, false);
    assertThat(path.takeSnapshot(4, false)).isEqualTo(-1);
    advance(path, 8, false);
    assertThat(path.takeSnapshot(8, false)).isZero();
    assertThat(path.takeSnapshot(8, false)).as("it has one as good").isEqualTo(-1);
  }

  @Test
  void aChunkAlsoEndsWhereThePromptLeavesAKeptPrefixWithoutASnapshot() {
    advance(open(prompt(20)), 20, false);
    TokenIds other = TokenIds.of(IntStream.range(0, 20).map(i -> i < 9 ? i : 100 + i).toArray());
    PromptPath path = open(other);
    assertThat(path.tokens()).as("no state to start behind").isZero();
    assertThat(path.maxTokens(0)).isEqualTo(8);
    assertThat(path.maxTokens(8)).isEqualTo(8);
    assertThat(path.maxTokens(16)).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void aShortPromptIsNotCut() {
    assertThat(open(prompt(4)).maxTokens(0)).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void theBlockOfAnotherSequenceIsTakenUnlessItSaysLess() {
    PromptPath first = open(prompt(9));
    PromptPath second = open(prompt(9));
    assertThat(first.advance(first.next(8), 7, false)).isEqualTo(7);
    assertThat(second.advance(second.next(8), 9, false)).isEqualTo(7);
    assertThat(second.tokens()).isEqualTo(4);
    PromptPath third = open(prompt(9));
    assertThat(third.advance(third.next(8), 11, true)).as("with the draft model's").isEqualTo(11);
    assertThat(third.next(8).size()).as("it goes on alone").isZero();
  }

  @Test
  void theDraftModelStartsWhereItHasComputedToo() {
    PromptPath path = open(prompt(11));
    advance(path, 8, false);
    path.takeSnapshot(8, false);
    path.reportDraftModel(8);
    assertThat(draftModelStart()).as("without its state").isZero();
    path.takeSnapshot(8, true);
    assertThat(draftModelStart()).isEqualTo(8);
  }

  @Test
  void theDraftModelStartsNowhereWithoutItsKeysAndValues() {
    PromptPath path = open(prompt(11));
    advance(path, 8, false);
    path.reportDraftModel(7);
    path.takeSnapshot(8, true);
    assertThat(draftModelStart()).isZero();
    path.reportDraftModel(8);
    assertThat(draftModelStart()).isEqualTo(8);
  }

  private int draftModelStart() {
    return open(prompt(11)).start().draftModelTokens();
  }

  @Test
  void aClosedPathCanBeEvicted() {
    PromptPath path = open(prompt(9));
    advance(path, 9, false);
    assertThat(cache.freeBlocks()).isZero();
    path.close();
    assertThat(cache.freeBlocks()).isEqualTo(2);
    cache.evictLeaf();
    assertThat(open(prompt(9)).tokens()).as("no state").isZero();
    cache.checkIntegrity(List.of());
  }
}
