package dev.krait.cache.pool;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// How a byte budget is cut into blocks and slots: from it the pools count and the device tensors
/// are allocated.
///
/// @param demand what was asked for
/// @param budgetBytes what was granted; [#bytes] is what is taken of it
/// @param blocks key/value blocks; 0 when no layer attends
/// @param stateSlots state slots, of running sequences and snapshots; 0 when no layer is recurrent
public record CacheLayout(CacheDemand demand, long budgetBytes, int blocks, int stateSlots) {

  /// Length for which [#describe] states the concurrency beside the full length.
  public static final int TYPICAL_TOKENS = 1024;

  /// Bytes of all blocks.
  public long blockBytes() {
    return blocks * demand.bytesPerBlock();
  }

  /// Bytes of all state slots.
  public long stateBytes() {
    return stateSlots * demand.bytesPerSlot();
  }

  /// Bytes taken in all.
  public long bytes() {
    return blockBytes() + stateBytes();
  }

  /// Share of the draft model in [#bytes].
  public long draftBytes() {
    return blocks * demand.blockBytes(demand.draft())
        + stateSlots * demand.slotBytes(demand.draft());
  }

  /// How many sequences of so many tokens can run at once.
  public int sequencesOf(int tokens) {
    int sequences = demand.maxSequences();
    if (demand.recurs()) {
      sequences = Math.min(sequences, stateSlots);
    }
    int each = demand.blocksFor(tokens);
    return each == 0 ? sequences : Math.min(sequences, blocks / each);
  }

  /// Lines for people: bytes of each part and the concurrency that follows.
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    lines.add("cache: " + size(bytes()) + " of a budget of " + size(budgetBytes));
    if (blocks > 0) {
      lines.add(
          "  keys and values: %d blocks of %d tokens, %s each, %s"
              .formatted(
                  blocks, demand.blockTokens(), size(demand.bytesPerBlock()), size(blockBytes())));
    }
    if (stateSlots > 0) {
      lines.add(
          "  states: %d slots, %s each, %s; replay window of %d tokens"
              .formatted(
                  stateSlots, size(demand.bytesPerSlot()), size(stateBytes()), demand.window()));
    }
    int snapshots = stateSlots - demand.maxSequences();
    if (snapshots > 0) {
      lines.add("  of these for prompts that are kept: " + snapshots + " slots");
    }
    if (!demand.draft().isEmpty()) {
      lines.add("  of these for the draft model: " + size(draftBytes()));
    }
    lines.add("  concurrency: " + concurrency());
    return lines;
  }

  private String concurrency() {
    int full = demand.maxModelTokens();
    String text = sequencesOf(full) + " sequences of " + full + " tokens";
    return full <= TYPICAL_TOKENS
        ? text
        : text + ", " + sequencesOf(TYPICAL_TOKENS) + " of " + TYPICAL_TOKENS;
  }

  /// Bytes for people, such as `1.5 GiB`.
  public static String size(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " B" : String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}
