package dev.krait.cache.pool;

import dev.krait.error.EngineException;
import java.util.List;

/// What the caches are asked to hold, before a budget is known.
///
/// A draft model shares the indices: block `b` and slot `s` of a sequence are its block and slot in
/// the tensors of both models.
///
/// @param target one spec for each caching layer of the model
/// @param draft the same for the draft model; empty without one
/// @param blockTokens tokens of a key/value block
/// @param maxSequences most sequences that run at once
/// @param maxModelTokens longest sequence
/// @param window most tokens of a step that may be rejected: drafts + 1, or 0 without speculation
/// @param snapshots most state slots for snapshots of kept prefixes beside those of running
///   sequences, which also serve while they are idle
public record CacheDemand(
    List<CacheSpec> target,
    List<CacheSpec> draft,
    int blockTokens,
    int maxSequences,
    int maxModelTokens,
    int window,
    int snapshots) {

  /// Tokens of a block unless there is a reason for another size.
  public static final int BLOCK_TOKENS = 16;

  /// Checks the ranges.
  public CacheDemand {
    target = List.copyOf(target);
    draft = List.copyOf(draft);
    check("block-tokens", blockTokens, 1);
    check("max-sequences", maxSequences, 1);
    check("max-model-len", maxModelTokens, 1);
    check("window", window, 0);
    check("snapshots", snapshots, 0);
  }

  private static void check(String name, int value, int least) {
    if (value < least) {
      throw EngineException.invalidArgument(name, value, least + " or more");
    }
  }

  /// Some layer attends, so that sequences need blocks.
  public boolean attends() {
    return bytesPerBlock() > 0;
  }

  /// Some layer is recurrent, so that each sequence needs a state slot.
  public boolean recurs() {
    return bytesPerSlot() > 0;
  }

  /// Blocks that hold so many tokens of one sequence; 0 without attention layers.
  public int blocksFor(int tokens) {
    return attends() ? Math.ceilDiv(tokens, blockTokens) : 0;
  }

  /// Bytes of one block over all attention layers of both models.
  public long bytesPerBlock() {
    return blockBytes(target) + blockBytes(draft);
  }

  /// Bytes of one state slot over all recurrent layers of both models.
  public long bytesPerSlot() {
    return slotBytes(target) + slotBytes(draft);
  }

  long blockBytes(List<CacheSpec> specs) {
    long bytes = 0;
    for (CacheSpec spec : specs) {
      bytes += spec.bytesPerToken() * blockTokens;
    }
    return bytes;
  }

  long slotBytes(List<CacheSpec> specs) {
    long bytes = 0;
    for (CacheSpec spec : specs) {
      bytes += spec.bytesPerSequence(window);
    }
    return bytes;
  }
}
