package dev.krait.model;

/// A function of one number.
public enum Activation {
  /// `v`
  NONE,
  /// `1 / (1 + exp(-v))`
  SIGMOID,
  /// `v sigmoid(v)`
  SILU,
  /// `max(v, 0)`
  RELU,
  /// `max(v, 0)^2`
  SQUARED_RELU,
  /// `v (1 + erf(v / sqrt(2))) / 2`
  GELU
}
