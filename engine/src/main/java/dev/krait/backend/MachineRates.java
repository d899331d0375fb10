package dev.krait.backend;

/// What a machine can do at best, measured: the yardstick of the benchmarks.
///
/// @param readBytesPerSecond reading far more memory than the caches hold, all units together
/// @param flopsPerSecond multiply-adds of products, two operations each, all units together: fp32
///   on registers of processors, bf16 with fp32 sums on a device's tensor cores
public record MachineRates(double readBytesPerSecond, double flopsPerSecond) {}
