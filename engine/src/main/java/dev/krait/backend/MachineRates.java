package dev.krait.backend;

/// What a machine can do at best, measured: the yardstick of the benchmarks.
///
/// @param readBytesPerSecond reading far more memory than the caches hold, all units together
/// @param flopsPerSecond fp32 fused multiply-adds on registers, two operations each, all units
///   together
public record MachineRates(double readBytesPerSecond, double flopsPerSecond) {}
