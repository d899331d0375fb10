package dev.krait.backend.cpu.machine;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vector width of this process: the machine's own, at most 512 bits, or the system property
/// `krait.vector-bits` (64, 128, 256 or 512).
///
/// Hot loops name the Vector API's own methods and this species: those are always inlined. A method
/// of ours around one is not once the caller has grown (C2's NodeCountInliningCutoff), and then
/// every vector that passes it becomes an object.
public final class Lanes {
  private static final int WIDEST_BITS = 512;

  private static final VectorShape SHAPE =
      VectorShape.forBitSize(
          Integer.getInteger(
              "krait.vector-bits",
              Math.min(FloatVector.SPECIES_PREFERRED.vectorBitSize(), WIDEST_BITS)));

  /// Vectors of floats.
  public static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, SHAPE);

  /// Vectors of whole numbers.
  public static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SHAPE);

  /// Floats of a vector.
  public static final int COUNT = FLOATS.length();

  /// Bytes of a vector.
  public static final int BYTES = COUNT * Float.BYTES;

  private Lanes() {}

  /// First index after the last whole vector of `count` elements.
  public static int whole(int count) {
    return count & -COUNT;
  }
}
