package dev.krait.backend;

/// Limits of a server that is told none: what serves load on a kind of device.
///
/// @param maxSequences most sequences that run at once
/// @param maxTokensPerStep most tokens computed in one step over all sequences
public record UsualLimits(int maxSequences, int maxTokensPerStep) {
  /// Those of processors, which a few hundred tokens keep busy.
  public static final UsualLimits PROCESSORS = new UsualLimits(64, 512);
}
