package dev.krait.cache.prefix;

/// Where a sequence starts in what is kept of its prompt.
///
/// @param tokens how many it need not compute
/// @param partBlock a block of the cache that the last of them fill partly, to be copied; -1 for
///   none
/// @param snapshot slot with the states behind them; -1 for none
/// @param pendingTokens the last tokens that these states do not include yet
/// @param draftModelTokens tokens that the draft model need not compute either
public record PrefixStart(
    int tokens, int partBlock, int snapshot, int pendingTokens, int draftModelTokens) {

  static PrefixStart of(PrefixNode node, boolean recurs) {
    boolean behind = node.snapshot >= 0;
    return new PrefixStart(
        node.end,
        node.isEnd ? node.block : -1,
        node.snapshot,
        behind ? node.pendingTokens : 0,
        draftModelTokens(node, recurs));
  }

  /// The draft model starts where its states are, if the blocks before have its keys and values.
  private static int draftModelTokens(PrefixNode node, boolean recurs) {
    int tokens = recurs ? node.draftModelTokens : node.end;
    PrefixNode whole = node;
    while (whole.parent != null && (whole.isEnd || whole.end > tokens)) {
      whole = whole.parent;
    }
    return whole.parent == null || whole.hasDraftModel ? tokens : 0;
  }
}
