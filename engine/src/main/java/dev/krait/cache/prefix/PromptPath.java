package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;

/// The part of a sequence's prompt that lies in the prefix cache: it starts with what was found
/// there and grows, block by block, with what the sequence computes.
///
/// Of recurrent states it has two snapshots taken: at the last block boundary before the prompt's
/// end, where the same prompt, or a conversation that goes on, can start again; and where the
/// prompt left a kept prefix without a snapshot, because a third one that shares this much is then
/// likely. The scheduler ends a chunk at each.
public final class PromptPath {
  private final PrefixCache cache;
  private final TokenIds prompt;
  private final String salt;
  private final int junction;
  private final int lastBoundary;
  private final PrefixResult result;
  private final PrefixStart start;
  private PrefixNode tail;

  /// True once another sequence has cached the same block without the draft model's keys and
  /// values. This one then keeps its own blocks and caches no more.
  private boolean apart;

  /// Pins what was found.
  PromptPath(PrefixCache cache, PrefixHit hit, PrefixKey key) {
    this.cache = cache;
    salt = key.salt();
    prompt = key.tokens();
    tail = hit.node();
    result = result(hit);
    start = PrefixStart.of(hit.start(), cache.recurs());
    cache.pin(tail);
    cache.use(hit.start());
    junction = worth(cache.boundary(hit.matchedTokens()), start.tokens());
    lastBoundary = worth(cache.boundary(prompt.size() - 1), Math.max(start.tokens(), junction));
  }

  private PrefixResult result(PrefixHit hit) {
    if (!hit.start().isRoot()) {
      return PrefixResult.FOUND;
    }
    if (prompt.size() <= cache.blockTokens()) {
      return PrefixResult.TOO_SHORT;
    }
    return hit.matchedTokens() > 0 ? PrefixResult.NO_STATE : PrefixResult.NEW;
  }

  /// What looking the prompt up gave.
  public PrefixResult result() {
    return result;
  }

  /// Where the sequence starts.
  public PrefixStart start() {
    return start;
  }

  /// A position where a snapshot is wanted, or 0.
  private int worth(int position, int snapshotBefore) {
    return cache.recurs() && position - snapshotBefore >= cache.minTokens() ? position : 0;
  }

  /// Blocks in the cache.
  public int blocks() {
    return tail.end / cache.blockTokens();
  }

  /// Tokens of its blocks in the cache.
  public int tokens() {
    return tail.end;
  }

  /// Fills a table with the cache's blocks.
  public void copyBlocks(int[] table) {
    for (PrefixNode node = tail; node.parent != null; node = node.parent) {
      table[node.end / cache.blockTokens() - 1] = node.block;
    }
  }

  /// Whether another prompt should wait until more of this path is computed: a sequence can then
  /// start behind enough tokens that it would have to compute now.
  public boolean isWorthAwaiting(PrefixKey key) {
    TokenIds other = key.tokens();
    int last = cache.recurs() ? Math.max(junction, lastBoundary) : prompt.size();
    if (apart || last <= tail.end || !salt.equals(key.salt())) {
      return false;
    }
    int shared = cache.boundary(Math.min(prompt.commonTokens(other), other.size() - 1));
    int start = shared;
    if (cache.recurs()) {
      start = lastBoundary <= shared ? lastBoundary : junction <= shared ? junction : 0;
    }
    return start > tail.end && start - cache.find(key).start().end >= cache.minTokens();
  }

  /// How many of the next prompt tokens a chunk may have.
  ///
  /// @param committed tokens computed
  public int maxTokens(int committed) {
    if (committed < junction) {
      return junction - committed;
    }
    return committed < lastBoundary ? lastBoundary - committed : Integer.MAX_VALUE;
  }

  /// The next block of the prompt that is computed but not in the cache, as tokens; empty when
  /// there is none.
  public TokenIds next(int committed) {
    return next(prompt, Math.min(committed, prompt.size()));
  }

  /// The same of all tokens of the sequence.
  ///
  /// @param computed how many of them are computed
  public TokenIds next(TokenIds tokens, int computed) {
    int end = tail.end + cache.blockTokens();
    return apart || end > computed ? TokenIds.empty() : tokens.slice(tail.end, end);
  }

  /// Puts the next block in the cache, or takes the one that another sequence has put there.
  ///
  /// @param own the sequence's block
  /// @param hasDraftModel whether it has the draft model's keys and values
  /// @return the block that the cache has; any number when there is none in the end
  public int advance(TokenIds tokens, int own, boolean hasDraftModel) {
    PrefixNode there = tail.children.get(tokens);
    if (there == null) {
      tail = cache.add(tail, tokens, own);
      tail.hasDraftModel = hasDraftModel;
    } else if (there.hasDraftModel || !hasDraftModel) {
      cache.pinNext(there);
      tail = there;
    } else {
      apart = true;
    }
    return apart ? own : tail.block;
  }

  /// A slot for the states behind the committed tokens; -1 when no snapshot is wanted here.
  public int takeSnapshot(int committed, boolean hasDraftModel) {
    boolean wanted = committed > 0 && (committed == junction || committed == lastBoundary);
    return wanted && tail.end == committed ? cache.takeSnapshot(tail, hasDraftModel) : -1;
  }

  /// The draft model has computed the blocks of so many tokens.
  public void reportDraftModel(int tokens) {
    for (PrefixNode node = tail; node.parent != null && !node.hasDraftModel; node = node.parent) {
      node.hasDraftModel = node.end <= tokens;
    }
  }

  /// Has the states at the sequence's end kept, and the block that it filled partly.
  ///
  /// @param rest tokens behind the blocks in the cache, fewer than a block has
  /// @param block theirs; -1 where there is none
  /// @return false when nothing was taken
  public boolean keepEnd(TokenIds rest, int block, EndStates states) {
    return !apart && cache.keepEnd(tail, rest, block, states);
  }

  /// The node at its end.
  PrefixNode tail() {
    return tail;
  }

  /// Pins nothing any more.
  public void close() {
    cache.unpin(tail);
  }
}
