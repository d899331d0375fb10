package dev.krait.cache.sequence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.prefix.HeldPrefix;
import dev.krait.cache.prefix.HeldPrefixes;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.prefix.PrefixResult;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.generation.TokenIds;
import dev.krait.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Blocks of 4 tokens, a snapshot wherever it lies 4 tokens behind the one before.
class PrefixCacheTest {
  private static final KvCacheSpec KEYS = new KvCacheSpec(1, 1, DType.F32);
  private static final StateSpec STATE = new StateSpec(1, 1, 2, 1);

  private static KvCachePools pools(List<CacheSpec> specs, int blocks, int slots) {
    CacheDemand demand = new CacheDemand(specs, List.of(), 4, 4, 64, 5, 4);
    return new KvCachePools(
        new CacheLayout(demand, 0, blocks, slots), Optional.of(new SnapshotPolicy(4)));
  }

  /// Copies of slots that were asked for.
  private final List<CacheCopy> copies = new ArrayList<>();

  private Optional<PrefixResult> result = Optional.empty();

  /// A prompt whose tokens are all different, and differ from those of other prompts.
  private static TokenIds prompt(int number, int tokens) {
    return TokenIds.of(IntStream.range(0, tokens).map(i -> 1000 * number + i).toArray());
  }

  private static TokenIds joined(TokenIds first, TokenIds second) {
    return TokenIds.of(
        IntStream.concat(IntStream.of(first.toArray()), IntStream.of(second.toArray())).toArray());
  }

  /// Computes what is left of a prompt, in the steps that its memory asks for.
  private SequenceCache compute(KvCachePools pools, TokenIds prompt) {
    SequenceCache memory = open(pools, prompt);
    while (memory.committedTokens() < prompt.size()) {
      int left = prompt.size() - memory.committedTokens();
      int tokens = Math.min(left, memory.maxPromptTokens());
      assertThat(memory.reserve(tokens, 0)).isTrue();
      commit(memory, tokens);
    }
    pools.checkIntegrity();
    return memory;
  }

  private static HeldPrefixes held(KvCachePools pools) {
    return pools.held().orElseThrow();
  }

  private int found(KvCachePools pools, TokenIds prompt) {
    SequenceCache memory = open(pools, prompt);
    int found = memory.committedTokens();
    memory.close();
    return found;
  }

  private SequenceCache open(KvCachePools pools, TokenIds prompt) {
    Opened opened = pools.open(new PrefixKey(prompt)).orElseThrow();
    copies.addAll(opened.copies());
    result = opened.prefixResult();
    return opened.memory();
  }

  private void commit(SequenceCache memory, int tokens) {
    memory.commit(tokens).ifPresent(copies::add);
  }

  @Test
  void aPromptIsFoundUpToItsLastBlockAfterItsSequenceHasEnded() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 4);
    SequenceCache first = compute(pools, prompt(1, 10));
    assertThat(copies).containsExactly(new SlotCopy(first.stateSlot(), 1));
    copies.clear();
    int block = first.block(0);
    first.close();
    assertThat(pools.blocksUsed()).isZero();
    assertThat(pools.slotsUsed()).isZero();
    SequenceCache second = open(pools, prompt(1, 10));
    assertThat(second.committedTokens()).isEqualTo(8);
    assertThat(second.block(0)).isEqualTo(block);
    assertThat(copies).containsExactly(new SlotCopy(1, second.stateSlot()));
    assertThat(result).contains(PrefixResult.FOUND);
    pools.checkIntegrity();
  }

  private void computeEight(SequenceCache memory) {
    assertThat(memory.reserve(8, 0)).isTrue();
    commit(memory, 8);
  }

  /// The same prompt is asked for again and again while it waits; the answer follows the cache.
  @Test
  void whatIsFoundOfAWaitingPromptFollowsBlocksThatComeAndGo() {
    KvCachePools pools = pools(List.of(KEYS), 6, 0);
    TokenIds waiting = prompt(1, 10);
    SequenceCache first = open(pools, prompt(1, 10));
    assertThat(found(pools, waiting)).isZero();
    computeEight(first);
    assertThat(pools.sharedPrefixBlocks(new PrefixKey(waiting))).isEqualTo(2);
    assertThat(found(pools, waiting)).isEqualTo(8);
    first.close();
    assertThat(pools.sharedPrefixBlocks(new PrefixKey(waiting))).isZero();
    assertThat(pools.open().orElseThrow().memory().reserve(24, 0)).isTrue();
    assertThat(found(pools, waiting)).isZero();
  }

  @Test
  void whatIsFoundOfAWaitingPromptFollowsSnapshotsThatComeAndGo() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 4);
    TokenIds waiting = prompt(1, 10);
    SequenceCache first = open(pools, prompt(1, 10));
    SequenceCache second = open(pools, prompt(1, 10));
    computeEight(first);
    assertThat(found(pools, waiting)).isEqualTo(8);
    SequenceCache third = pools.open().orElseThrow().memory();
    SequenceCache fourth = pools.open().orElseThrow().memory();
    third.close();
    assertThat(found(pools, waiting)).isZero();
    computeEight(second);
    assertThat(found(pools, waiting)).isEqualTo(8);
    fourth.close();
  }

  @Test
  void oneTokenIsAlwaysLeftToCompute() {
    KvCachePools pools = pools(List.of(KEYS), 20, 0);
    compute(pools, prompt(1, 8)).close();
    assertThat(found(pools, prompt(1, 8))).isEqualTo(4);
    assertThat(found(pools, prompt(1, 9))).isEqualTo(8);
  }

  @Test
  void attentionAloneStartsAtAnyBlockStatesAtSnapshots() {
    TokenIds shared = prompt(1, 8);
    for (boolean recurs : new boolean[] {false, true}) {
      KvCachePools pools =
          recurs ? pools(List.of(KEYS, STATE), 40, 8) : pools(List.of(KEYS), 40, 0);
      List<Integer> found = new ArrayList<>();
      for (int i = 2; i <= 4; i++) {
        SequenceCache memory = open(pools, joined(shared, prompt(i, 9)));
        found.add(memory.committedTokens());
        memory.close();
        compute(pools, joined(shared, prompt(i, 9))).close();
      }
      assertThat(found).isEqualTo(recurs ? List.of(0, 0, 8) : List.of(0, 8, 8));
    }
  }

  @Test
  void aMissSaysWhy() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 40, 8);
    compute(pools, prompt(1, 4)).close();
    assertThat(result).contains(PrefixResult.TOO_SHORT);
    compute(pools, joined(prompt(1, 8), prompt(2, 8))).close();
    assertThat(result).contains(PrefixResult.NO_STATE);
    compute(pools, prompt(3, 8)).close();
    assertThat(result).contains(PrefixResult.NEW);
    open(new KvCachePools(pools.layout()), prompt(3, 8));
    assertThat(result).isEmpty();
  }

  @Test
  void theLeastRecentlyUsedPrefixGivesWayFromItsEnd() {
    KvCachePools pools = pools(List.of(KEYS), 6, 0);
    compute(pools, prompt(1, 9)).close();
    compute(pools, prompt(2, 9)).close();
    assertThat(found(pools, prompt(1, 9))).isEqualTo(8);
    SequenceCache other = compute(pools, prompt(3, 11)); // 3 blocks; 2 were free
    assertThat(found(pools, prompt(2, 9))).isEqualTo(4);
    assertThat(found(pools, prompt(1, 9))).isEqualTo(8);
    assertThat(other.reserve(16, 0)).as("7 of 6 blocks").isFalse();
    assertThat(other.reserve(12, 0)).as("6 of 6 blocks").isTrue();
    assertThat(found(pools, prompt(1, 9))).isZero();
    pools.checkIntegrity();
  }

  @Test
  void whatASequenceHoldsStays() {
    KvCachePools pools = pools(List.of(KEYS), 4, 0);
    SequenceCache first = compute(pools, prompt(1, 9));
    SequenceCache second = open(pools, prompt(1, 9));
    assertThat(pools.sharedPrefixBlocks(new PrefixKey(prompt(1, 9)))).isEqualTo(2);
    first.close();
    assertThat(pools.blocksFree()).isEqualTo(2);
    assertThat(second.reserve(9, 0)).as("5 of 4 blocks").isFalse();
    assertThat(second.reserve(8, 0)).as("4 of 4 blocks").isTrue();
    pools.checkIntegrity();
    second.close();
    assertThat(pools.sharedPrefixBlocks(new PrefixKey(prompt(1, 9)))).isZero();
  }

  @Test
  void sequencesTakeTheSlotsOfSnapshots() {
    KvCachePools pools = pools(List.of(STATE), 0, 3);
    compute(pools, prompt(1, 9)).close();
    compute(pools, prompt(2, 9)).close();
    assertThat(pools.snapshots()).isEqualTo(2);
    assertThat(found(pools, prompt(1, 9))).isEqualTo(8);
    List<SequenceCache> open = new ArrayList<>();
    open.add(open(pools, prompt(3, 9)));
    open.add(open(pools, prompt(4, 9)));
    assertThat(pools.snapshots()).isEqualTo(1);
    copies.clear();
    open.add(open(pools, prompt(1, 9)));
    assertThat(open.getLast().committedTokens()).as("starts in the snapshot itself").isEqualTo(8);
    assertThat(copies).isEmpty();
    assertThat(pools.snapshots()).isZero();
    assertThat(pools.open(new PrefixKey(prompt(5, 9)))).isEmpty();
    pools.checkIntegrity();
  }

  @Test
  void sequencesThatComputeTheSamePromptEndUpWithTheSameBlocks() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 8);
    SequenceCache first = open(pools, prompt(1, 10));
    SequenceCache second = open(pools, prompt(1, 10));
    for (SequenceCache memory : List.of(first, second)) {
      assertThat(memory.reserve(8, 0)).isTrue();
    }
    assertThat(first.block(1)).isNotEqualTo(second.block(1));
    commit(first, 8);
    commit(second, 8);
    assertThat(first.block(1)).isEqualTo(second.block(1));
    assertThat(pools.blocksUsed()).isEqualTo(2);
    assertThat(copies).hasSize(1);
    pools.checkIntegrity();
  }

  @Test
  void remembersHowFarTheDraftModelHasComputed() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 40, 8);
    compute(pools, prompt(1, 9)).close();
    SequenceCache memory = open(pools, prompt(2, 9));
    assertThat(memory.reserve(8, 0)).isTrue();
    memory.setDraftModelTokens(8);
    commit(memory, 8);
    memory.close();
    assertThat(open(pools, prompt(1, 9)).draftModelTokens()).isZero();
    assertThat(open(pools, prompt(2, 9)).draftModelTokens()).isEqualTo(8);
  }

  @Test
  void theDraftModelsProgressIsReportedWhenAStepIsCommitted() {
    KvCachePools pools = pools(List.of(KEYS), 40, 0);
    SequenceCache first = open(pools, prompt(1, 9));
    computeEight(first);
    assertThat(first.reserve(1, 0)).isTrue();
    first.setDraftModelTokens(9);
    assertThat(open(pools, prompt(1, 9)).draftModelTokens()).as("not committed").isZero();
    commit(first, 1);
    assertThat(open(pools, prompt(1, 9)).draftModelTokens()).isEqualTo(8);
    pools.checkIntegrity();
  }

  @Test
  void aBlockWithADraftModelsKeysIsNotSwappedForOneWithout() {
    KvCachePools pools = pools(List.of(KEYS), 20, 0);
    SequenceCache first = open(pools, prompt(1, 9));
    SequenceCache second = open(pools, prompt(1, 9));
    assertThat(first.reserve(8, 0)).isTrue();
    assertThat(second.reserve(8, 0)).isTrue();
    second.setDraftModelTokens(8);
    commit(first, 8);
    commit(second, 8);
    assertThat(second.block(0)).isNotEqualTo(first.block(0));
    assertThat(second.draftModelTokens()).isEqualTo(8);
    pools.checkIntegrity();
    second.close();
    first.close();
    assertThat(pools.blocksUsed()).isZero();
  }

  @Test
  void whatIsHeldIsEvictedLastAndGivesWayToARunningSequence() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 8, 4);
    TokenIds prompt = prompt(1, 13);
    compute(pools, prompt).close();
    HeldPrefix held = held(pools).hold(new PrefixKey(prompt));
    HeldPrefix fork = held(pools).hold(held);
    assertThat(held.tokenIds()).isEqualTo(prompt.slice(0, 12));
    assertThat(held.blocks()).hasSize(3).doesNotHaveDuplicates();
    assertThat(pools.heldBytes())
        .isEqualTo(
            3 * pools.layout().demand().bytesPerBlock() + pools.layout().demand().bytesPerSlot());
    for (int i = 2; i < 8; i++) {
      compute(pools, prompt(i, 18)).close();
    }
    assertThat(found(pools, prompt)).isEqualTo(12);
    held(pools).release(held);
    held(pools).release(held);
    assertThat(fork.tokens()).isEqualTo(12);
    SequenceCache large = compute(pools, prompt(9, 32));
    assertThat(fork.tokens()).as("given up").isZero();
    assertThat(fork.blocks()).isEmpty();
    held(pools).release(fork);
    large.close();
    pools.checkIntegrity();
    assertThat(pools.heldBytes()).isZero();
  }

  @Test
  void whatIsHeldLongestAgoIsGivenUpFirst() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    List<HeldPrefix> held = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      compute(pools, prompt(i, 9)).close();
      held.add(held(pools).hold(new PrefixKey(prompt(i, 9))));
    }
    assertThat(held(pools).giveUpFirst()).isTrue();
    assertThat(held).extracting(HeldPrefix::tokens).containsExactly(0, 8, 8);
    pools.checkIntegrity();
    assertThat(held(pools).giveUpFirst()).isTrue();
    assertThat(held(pools).giveUpFirst()).isTrue();
    assertThat(held(pools).giveUpFirst()).isFalse();
    assertThat(held).extracting(HeldPrefix::tokens).containsExactly(0, 0, 0);
    assertThat(pools.heldBytes()).isZero();
    pools.checkIntegrity();
  }

  @Test
  void aPrefixThatIsPutInIsFoundAndTakesNoMoreThanThereIs() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 6, 2);
    compute(pools, prompt(1, 5)).close();
    HeldPrefix put = pools.insert(prompt(1, 12)).orElseThrow();
    assertThat(put.tokens()).isEqualTo(12);
    assertThat(put.stateSlot()).isNotNegative();
    pools.checkIntegrity();
    assertThat(found(pools, prompt(1, 13))).isEqualTo(12);
    assertThat(pools.insert(prompt(2, 28))).as("too long").isEmpty();
    pools.checkIntegrity();
    SequenceCache first = open(pools, prompt(3, 3));
    SequenceCache second = open(pools, prompt(4, 3));
    assertThat(pools.insert(prompt(5, 4))).as("no slot").isEmpty();
    first.close();
    second.close();
    assertThat(pools.insert(prompt(5, 4))).isPresent();
    pools.checkIntegrity();
  }
}
