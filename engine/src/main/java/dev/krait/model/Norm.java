package dev.krait.model;

/// Root-mean-square normalisation: `y = x / sqrt(mean(x^2) + epsilon) * weight`.
///
/// @param width elements of a row
/// @param epsilon added to the mean square
public record Norm(int width, float epsilon) {}
