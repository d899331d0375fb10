package dev.krait.scheduler;

import dev.krait.cache.sequence.KvCachePools;

/// Blocks that running sequences will want for the tokens that they know already and for the next
/// step, and room for those that wait for one of them; one more sequence is admitted only if it
/// fits beside them.
final class ReservedBlocks {
  private final KvCachePools pools;
  private int blocks;
  private int held;

  ReservedBlocks(KvCachePools pools) {
    this.pools = pools;
  }

  /// Counts anew.
  void count(RunningList running) {
    blocks = 0;
    held = 0;
    for (int i = 0; i < running.size(); i++) {
      ActiveSequence sequence = running.at(i);
      blocks += Math.max(0, needed(sequence) - sequence.memory().blocks());
    }
  }

  /// Adds what a sequence that has just started will want.
  void add(ActiveSequence started) {
    blocks += needed(started) - started.memory().blocks();
  }

  /// Keeps room for a sequence that goes on waiting.
  void hold(ActiveSequence waiting) {
    blocks += needed(waiting);
    held++;
  }

  /// How many sequences room is kept for.
  int held() {
    return held;
  }

  /// True when a waiting sequence fits beside those that run.
  boolean leaveRoomFor(ActiveSequence waiting) {
    if (pools.slotsFree() <= held) {
      return false;
    }
    int missing = needed(waiting) + blocks - pools.blocksFree();
    return missing <= 0
        || (!waiting.reportsPrompt() && missing <= pools.sharedPrefixBlocks(waiting.prefixKey()));
  }

  private int needed(ActiveSequence sequence) {
    return pools.blocksFor(sequence.tokens() + 1);
  }
}
