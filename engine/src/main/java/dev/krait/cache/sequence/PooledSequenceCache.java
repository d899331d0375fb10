package dev.krait.cache.sequence;

import dev.krait.cache.pool.BlockPool;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.prefix.EndStates;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.prefix.PrefixStart;
import dev.krait.cache.prefix.PromptPath;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One sequence's blocks and state slot, taken from [KvCachePools].
///
/// Between steps it holds exactly the blocks of its committed tokens:
///
/// ```
///   reserve   [ committed | reserved )   blocks up to the end
///   commit    [ committed | left )       surplus blocks go back; direct tokens that were not
///                                        committed are left reserved
/// ```
///
/// The first blocks may be the prefix cache's, which has them from other sequences or takes them
/// from this one as its prompt is computed.
final class PooledSequenceCache implements SequenceCache {
  private static final int FIRST_BLOCKS = 8;

  private final KvCachePools pools;
  private final int stateSlot;
  private int[] table = new int[FIRST_BLOCKS];
  private int blocks;
  private final @Nullable PromptPath path;
  private int committed;
  private int draftModelTokens;

  /// What the prefix cache knows of [#draftModelTokens].
  private int reportedDraftModelTokens;

  private int pending;
  private int reservedDirect;
  private int reservedWindowed;
  private boolean keptSlot;
  private boolean closed;

  /// The memory of a sequence whose first tokens are those of the path.
  PooledSequenceCache(KvCachePools pools, int stateSlot, @Nullable PromptPath path) {
    this.pools = pools;
    this.stateSlot = stateSlot;
    this.path = path;
    if (path == null) {
      return;
    }
    PrefixStart start = path.start();
    committed = start.tokens();
    pending = start.pendingTokens();
    draftModelTokens = start.draftModelTokens();
    reportedDraftModelTokens = draftModelTokens;
    if (pools.blockPool().isNeeded()) {
      blocks = path.blocks();
      table = new int[Math.max(FIRST_BLOCKS, blocks + 1)];
      path.copyBlocks(table);
      if (start.partBlock() >= 0) {
        table[blocks++] = pools.takeBlock();
      }
    }
  }

  /// Blocks at the start of the table that are the cache's.
  int cachedBlocks() {
    return path == null || !pools.blockPool().isNeeded() ? 0 : path.blocks();
  }

  @Override
  public boolean reserve(int directTokens, int windowedTokens) {
    checkOpen();
    int window = pools.layout().demand().window();
    boolean oneKind = (directTokens > 0) != (windowedTokens > 0);
    if (!oneKind || directTokens < 0 || windowedTokens < 0 || windowedTokens > window) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "reserved tokens: %d direct, %d windowed (expected: one of them, windowed up to %d)"
              .formatted(directTokens, windowedTokens, window));
    }
    int needed = pools.blocksFor(committed + directTokens + windowedTokens);
    if (needed - blocks > pools.blocksFree()) {
      return false;
    }
    resize(needed);
    reservedDirect = directTokens;
    reservedWindowed = windowedTokens;
    return true;
  }

  @Override
  public Optional<SlotCopy> commit(int tokens) {
    checkOpen();
    int reserved = Math.max(reservedDirect, reservedWindowed);
    if (tokens < 1 || tokens > reserved) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "committed tokens: %d (expected: 1 to %d, which are reserved)"
              .formatted(tokens, reserved));
    }
    committed += tokens;
    pending = reservedWindowed > 0 ? tokens : 0;
    reservedDirect = Math.max(0, reservedDirect - tokens);
    reservedWindowed = 0;
    resize(pools.blocksFor(committed + reservedDirect));
    return path == null ? Optional.empty() : keepPrompt(path);
  }

  /// Puts computed blocks of the prompt in the cache, and the states where they are wanted.
  private Optional<SlotCopy> keepPrompt(PromptPath prompt) {
    if (reportedDraftModelTokens < draftModelTokens) {
      prompt.reportDraftModel(draftModelTokens);
      reportedDraftModelTokens = draftModelTokens;
    }
    for (TokenIds next = prompt.next(committed); next.size() > 0; next = prompt.next(committed)) {
      keepBlock(prompt, next);
    }
    int slot = prompt.takeSnapshot(committed, draftModelTokens == committed);
    return slot >= 0 ? Optional.of(new SlotCopy(stateSlot, slot)) : Optional.empty();
  }

  private void keepBlock(PromptPath prompt, TokenIds tokens) {
    int index = prompt.blocks();
    int own = pools.blockPool().isNeeded() ? table[index] : -1;
    int kept = prompt.advance(tokens, own, draftModelTokens >= prompt.tokens() + tokens.size());
    if (kept != own) {
      pools.blockPool().give(own);
      table[index] = kept;
    }
  }

  @Override
  public void keep(TokenIds tokens, boolean inFlight) {
    checkOpen();
    int left = inFlight ? 0 : pending - (committed - tokens.size());
    if (path != null && left >= 0) {
      keepEnd(path, tokens, left);
    }
    close();
  }

  private void keepEnd(PromptPath own, TokenIds tokens, int pendingTokens) {
    int computed = tokens.size();
    for (TokenIds next = own.next(tokens, computed);
        next.size() > 0;
        next = own.next(tokens, computed)) {
      keepBlock(own, next);
    }
    TokenIds rest = tokens.slice(own.tokens(), computed);
    if (stateSlot < 0 || rest.size() >= pools.blockPool().blockTokens()) {
      return;
    }
    boolean fills = pools.blockPool().isNeeded() && rest.size() > 0;
    int block = fills ? table[own.blocks()] : -1;
    int drafted = Math.min(draftModelTokens, computed);
    if (own.keepEnd(rest, block, new EndStates(stateSlot, pendingTokens, drafted))) {
      keptSlot = true;
      resize(pools.blocksFor(computed));
      blocks -= fills ? 1 : 0;
    }
  }

  /// Its slot is the prefix cache's now.
  boolean hasKeptSlot() {
    return keptSlot;
  }

  /// The last block; -1 when it has none.
  int lastBlock() {
    return blocks == 0 ? -1 : table[blocks - 1];
  }

  private void resize(int needed) {
    BlockPool pool = pools.blockPool();
    while (blocks > needed) {
      pool.give(table[--blocks]);
    }
    if (needed > table.length) {
      table = Arrays.copyOf(table, Math.max(needed, 2 * table.length));
    }
    while (blocks < needed) {
      table[blocks++] = pools.takeBlock();
    }
  }

  @Override
  public int maxPromptTokens() {
    return path == null ? Integer.MAX_VALUE : path.maxTokens(committed);
  }

  @Override
  public boolean isWorthAwaiting(PrefixKey prompt) {
    return path != null && path.isWorthAwaiting(prompt);
  }

  @Override
  public int draftModelTokens() {
    return draftModelTokens;
  }

  @Override
  public void setDraftModelTokens(int tokens) {
    checkOpen();
    draftModelTokens = tokens;
  }

  @Override
  public int committedTokens() {
    return committed;
  }

  @Override
  public int pendingTokens() {
    return pending;
  }

  @Override
  public void markFlushed() {
    checkOpen();
    pending = 0;
  }

  @Override
  public int stateSlot() {
    return stateSlot;
  }

  @Override
  public int blocks() {
    return blocks;
  }

  @Override
  public int block(int index) {
    return table[index];
  }

  @Override
  public void close() {
    checkOpen();
    resize(cachedBlocks());
    if (path != null) {
      path.close();
    }
    pools.closed(this);
    closed = true;
  }

  /// Its path through the prefix cache.
  Optional<PromptPath> path() {
    return Optional.ofNullable(path);
  }

  /// Claims its own blocks, and checks that the others are those of its path.
  void checkIntegrity(BlockPool pool, BitSet claimed) {
    int cached = cachedBlocks();
    int[] expected = new int[cached];
    if (path != null && cached > 0) {
      path.copyBlocks(expected);
    }
    for (int i = 0; i < cached; i++) {
      if (table[i] != expected[i]) {
        throw new EngineException(
            ErrorCode.INTERNAL,
            "block " + i + ": " + table[i] + " (expected: " + expected[i] + ")");
      }
    }
    for (int i = cached; i < blocks; i++) {
      pool.claim(table[i], claimed);
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new EngineException(ErrorCode.INTERNAL, "sequence cache: closed (expected: open)");
    }
  }
}
