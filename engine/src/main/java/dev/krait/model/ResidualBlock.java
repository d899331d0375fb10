package dev.krait.model;

/// One residual branch: `residual += mixer(norm(residual))`.
///
/// @param norm what is applied to the residual stream first
/// @param mixer what is computed
public record ResidualBlock(Norm norm, Mixer mixer) {}
