package dev.krait.model;

/// Rotary position embedding: of the first `dim` elements of a head, pair `(i, i + dim / 2)` turns
/// by `position * frequency(i)`.
///
/// @param dim elements of a head that turn, even; the others stay as they are
/// @param theta base of the frequencies
/// @param scaling how long contexts change them
public record Rope(int dim, double theta, Scaling scaling) {

  /// A change of the frequencies.
  public sealed interface Scaling {
    /// No change.
    record None() implements Scaling {}

    /// All frequencies divided by a factor.
    ///
    /// @param factor the divisor
    record Linear(double factor) implements Scaling {}

    /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, those between blended.
    ///
    /// @param factor divisor of the long wavelengths
    /// @param lowFactor wavelengths above `originalTokens / lowFactor` are divided
    /// @param highFactor wavelengths below `originalTokens / highFactor` are kept
    /// @param originalTokens context length before scaling
    record Llama3(double factor, double lowFactor, double highFactor, double originalTokens)
        implements Scaling {}
  }

  /// Checks that elements turn in pairs.
  public Rope {
    if (dim <= 0 || dim % 2 != 0) {
      throw new IllegalArgumentException(
          "rope: " + dim + " (expected: an even number of elements)");
    }
  }

  /// Pairs that turn.
  public int pairs() {
    return dim / 2;
  }

  /// The angle that one position adds to pair `index`.
  public double frequency(int index) {
    double frequency = Math.pow(theta, -2.0 * index / dim);
    return switch (scaling) {
      case Scaling.None none -> frequency;
      case Scaling.Linear linear -> frequency / linear.factor();
      case Scaling.Llama3 llama3 -> scale(frequency, llama3);
    };
  }

  private static double scale(double frequency, Scaling.Llama3 by) {
    double wavelength = 2 * Math.PI / frequency;
    if (wavelength < by.originalTokens() / by.highFactor()) {
      return frequency;
    }
    if (wavelength > by.originalTokens() / by.lowFactor()) {
      return frequency / by.factor();
    }
    double smooth =
        (by.originalTokens() / wavelength - by.lowFactor()) / (by.highFactor() - by.lowFactor());
    return (1 - smooth) * frequency / by.factor() + smooth * frequency;
  }
}
