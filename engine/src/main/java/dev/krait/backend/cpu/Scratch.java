package dev.krait.backend.cpu;

/// Memory of one thread of the pool for the length of an operation. It only grows, so that steady
/// work allocates nothing.
final class Scratch {
  /// Partial sums of a norm.
  final float[] partials = new float[RowNorm.STRIPES];

  private float[] floats = new float[0];

  /// At least `count` floats of any content.
  float[] floats(int count) {
    if (floats.length < count) {
      floats = new float[Math.max(count, 2 * floats.length)];
    }
    return floats;
  }
}
