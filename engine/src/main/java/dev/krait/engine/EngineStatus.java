package dev.krait.engine;

/// The engine at a glance, as of its last step.
///
/// @param running sequences that hold memory
/// @param waiting sequences in the queue, new and preempted
/// @param blocksUsed key/value blocks held
/// @param blocksTotal all key/value blocks
/// @param slotsUsed state slots held by sequences
/// @param slotsTotal state slots that sequences can hold at once
/// @param snapshots state slots with states of kept prefixes
/// @param failed a step failed; nothing runs any more
public record EngineStatus(
    int running,
    int waiting,
    int blocksUsed,
    int blocksTotal,
    int slotsUsed,
    int slotsTotal,
    int snapshots,
    boolean failed) {}
