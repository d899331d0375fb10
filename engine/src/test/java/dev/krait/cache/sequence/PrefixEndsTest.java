package dev.krait.cache.sequence;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.cache.pool.BlockCopy;
import dev.krait.cache.pool.CacheDemand;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.CacheSpec;
import dev.krait.cache.pool.CacheSpec.KvCacheSpec;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.prefix.SnapshotPolicy;
import dev.krait.generation.TokenIds;
import dev.krait.tensor.DType;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// What a sequence leaves at its end, and who goes on from there. Blocks have four tokens.
class PrefixEndsTest {
  private static final KvCacheSpec KEYS = new KvCacheSpec(1, 1, DType.F32);
  private static final StateSpec STATE = new StateSpec(1, 1, 2, 1);

  private static KvCachePools pools(List<CacheSpec> layers, int blocks, int slots) {
    CacheDemand demand = new CacheDemand(layers, List.of(), 4, 2, 64, 5, Math.max(0, slots - 2));
    return new KvCachePools(
        new CacheLayout(demand, 0, blocks, slots), Optional.of(new SnapshotPolicy(4)));
  }

  private static TokenIds tokens(int count) {
    return TokenIds.of(IntStream.range(100, 100 + count).toArray());
  }

  private static Opened open(KvCachePools pools, int promptTokens) {
    return pools.open(new PrefixKey(tokens(promptTokens))).orElseThrow();
  }

  /// A sequence that has computed so many tokens of [#tokens], of which three are its prompt's.
  private static SequenceCache computed(KvCachePools pools, int count) {
    SequenceCache memory = open(pools, 3).memory();
    assertThat(memory.reserve(count, 0)).isTrue();
    memory.commit(count);
    return memory;
  }

  private static void window(SequenceCache memory, int reserved, int committed) {
    assertThat(memory.reserve(0, reserved)).isTrue();
    memory.commit(committed);
  }

  @Test
  void a_prompt_that_goes_on_from_an_end_starts_behind_its_last_token() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = computed(pools, 10);
    int slot = first.stateSlot();
    int last = first.block(2);
    first.keep(tokens(10), false);
    pools.checkIntegrity();
    assertThat(pools.slotsUsed() + pools.blocksUsed()).isZero();
    assertThat(pools.snapshots()).isEqualTo(1);
    Opened opened = open(pools, 11);
    SequenceCache second = opened.memory();
    assertThat(second.committedTokens()).isEqualTo(10);
    assertThat(second.block(0)).isEqualTo(first.block(0));
    assertThat(opened.copies())
        .containsExactly(
            new SlotCopy(slot, second.stateSlot()), new BlockCopy(last, second.block(2)));
    assertThat(second.block(2)).isNotEqualTo(last);
    pools.checkIntegrity();
  }

  @Test
  void the_prompt_itself_and_one_that_differs_do_not_start_there() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    computed(pools, 10).keep(tokens(10), false);
    assertThat(open(pools, 10).memory().committedTokens()).isZero();
    TokenIds other = TokenIds.of(IntStream.range(100, 112).map(i -> i == 109 ? 1 : i).toArray());
    assertThat(pools.open(new PrefixKey(other)).orElseThrow().memory().committedTokens()).isZero();
  }

  @Test
  void an_end_behind_a_whole_block_needs_no_copy_of_a_block() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    computed(pools, 8).keep(tokens(8), false);
    Opened opened = open(pools, 10);
    assertThat(opened.memory().committedTokens()).isEqualTo(8);
    assertThat(opened.copies()).hasSize(1);
    pools.checkIntegrity();
  }

  @Test
  void tokens_in_the_replay_window_stay_pending() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = computed(pools, 6);
    window(first, 5, 4);
    first.keep(tokens(9), false);
    Opened opened = open(pools, 12);
    SequenceCache second = opened.memory();
    assertThat(second.committedTokens()).isEqualTo(9);
    assertThat(second.pendingTokens()).as("one accepted draft is not wanted").isEqualTo(3);
    assertThat(((SlotCopy) opened.copies().getFirst()).withWindow()).isTrue();
  }

  @Test
  void a_step_in_flight_folds_what_was_pending() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = computed(pools, 6);
    window(first, 3, 2);
    assertThat(first.reserve(1, 0)).isTrue();
    first.keep(tokens(9), true);
    pools.checkIntegrity();
    SequenceCache second = open(pools, 12).memory();
    assertThat(second.committedTokens()).isEqualTo(9);
    assertThat(second.pendingTokens()).isZero();
  }

  @Test
  void states_that_include_unwanted_tokens_are_not_kept() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    computed(pools, 10).keep(tokens(9), false);
    assertThat(pools.snapshots()).isZero();
    pools.checkIntegrity();
  }

  @Test
  void an_equal_end_is_kept_once() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = computed(pools, 10);
    SequenceCache second = computed(pools, 10);
    first.keep(tokens(10), false);
    second.keep(tokens(10), false);
    pools.checkIntegrity();
    assertThat(pools.snapshots()).isEqualTo(1);
    assertThat(pools.slotsUsed() + pools.blocksUsed()).isZero();
  }

  @Test
  void an_end_with_more_of_the_draft_model_takes_the_place_of_one_with_less() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = computed(pools, 10);
    SequenceCache second = computed(pools, 10);
    second.setDraftModelTokens(9);
    first.keep(tokens(10), false);
    second.keep(tokens(10), false);
    pools.checkIntegrity();
    assertThat(pools.snapshots()).isEqualTo(1);
    assertThat(open(pools, 11).memory().committedTokens()).isEqualTo(10);
  }

  @Test
  void ends_give_way_to_sequences() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 3, 2);
    computed(pools, 10).keep(tokens(10), false);
    SequenceCache one = pools.open(new PrefixKey(TokenIds.of(1, 2))).orElseThrow().memory();
    SequenceCache two = pools.open(new PrefixKey(TokenIds.of(3, 4))).orElseThrow().memory();
    pools.checkIntegrity();
    assertThat(pools.snapshots()).isZero();
    assertThat(one.reserve(4, 0)).isTrue();
    assertThat(two.reserve(8, 0)).isTrue();
    pools.checkIntegrity();
  }

  @Test
  void the_last_end_goes_on_in_its_own_slot_and_block() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 3, 1);
    computed(pools, 10).keep(tokens(10), false);
    Opened opened = open(pools, 12);
    assertThat(opened.memory().committedTokens()).isEqualTo(10);
    assertThat(opened.copies()).isEmpty();
    pools.checkIntegrity();
  }

  @Test
  void without_keys_and_values_the_states_are_enough() {
    KvCachePools pools = pools(List.of(STATE), 0, 6);
    computed(pools, 10).keep(tokens(10), false);
    Opened opened = open(pools, 12);
    assertThat(opened.memory().committedTokens()).isEqualTo(10);
    assertThat(opened.copies()).hasSize(1);
    pools.checkIntegrity();
  }

  @Test
  void without_states_whole_blocks_are_kept() {
    KvCachePools pools = pools(List.of(KEYS), 20, 0);
    computed(pools, 10).keep(tokens(10), false);
    Opened opened = open(pools, 12);
    assertThat(opened.memory().committedTokens()).isEqualTo(8);
    assertThat(opened.copies()).isEmpty();
    pools.checkIntegrity();
  }

  @Test
  void what_is_kept_with_a_salt_is_found_with_that_salt_alone() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    SequenceCache first = salted(pools, 3, "a").memory();
    assertThat(first.reserve(10, 0)).isTrue();
    first.commit(10);
    first.keep(tokens(10), false);
    assertThat(salted(pools, 12, "a").memory().committedTokens()).isEqualTo(10);
    assertThat(salted(pools, 12, "b").memory().committedTokens()).isZero();
    pools.checkIntegrity();
    KvCachePools other = pools(List.of(KEYS, STATE), 20, 6);
    computed(other, 10).keep(tokens(10), false);
    assertThat(salted(other, 12, "a").memory().committedTokens()).isZero();
  }

  @Test
  void clearing_leaves_what_open_sequences_use() {
    KvCachePools pools = pools(List.of(KEYS, STATE), 20, 6);
    computed(pools, 10).keep(tokens(10), false);
    SequenceCache open = open(pools, 12).memory();
    salted(pools, 3, "a").memory().close();
    pools.clearPrefixes();
    pools.checkIntegrity();
    assertThat(pools.snapshots()).isZero();
    open.close();
    assertThat(pools.clearPrefixes()).as("its two whole blocks").isEqualTo(2);
    pools.checkIntegrity();
    assertThat(open(pools, 12).memory().committedTokens()).isZero();
  }

  private static Opened salted(KvCachePools pools, int promptTokens, String salt) {
    return pools.open(new PrefixKey(tokens(promptTokens), salt)).orElseThrow();
  }
}
