package dev.krait.backend;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;

/// A buffer in the Java heap, for the CPU backends.
public final class HostBuffer implements Buffer {
  private final float[] values;

  private HostBuffer(float[] values) {
    this.values = values;
  }

  /// Zeroed floats.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when a Java array cannot hold so many or the heap
  ///   is full
  public static HostBuffer allocate(long elements) {
    if (elements < 0 || elements > Integer.MAX_VALUE - 8) {
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "buffer: " + elements + " floats (expected: at most " + (Integer.MAX_VALUE - 8) + ")");
    }
    try {
      return new HostBuffer(new float[(int) elements]);
    } catch (OutOfMemoryError full) {
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "buffer: %d bytes (expected: room in the Java heap of %d bytes; more with KRAIT_JAVA_OPTIONS=-Xmx...)"
              .formatted(4 * elements, Runtime.getRuntime().maxMemory()),
          full);
    }
  }

  /// Zeroed floats, the only type that a host buffer has.
  public static HostBuffer allocate(DType type, long elements) {
    if (type != DType.F32) {
      throw new IllegalArgumentException("buffer of " + type + " (expected: F32)");
    }
    return allocate(elements);
  }

  /// A buffer over the given array, without a copy.
  public static HostBuffer over(float[] values) {
    return new HostBuffer(values);
  }

  /// The floats of a buffer of a CPU backend.
  ///
  /// @throws IllegalArgumentException for a buffer of another device
  public static float[] floats(Buffer buffer) {
    if (buffer instanceof HostBuffer host) {
      return host.values;
    }
    throw new IllegalArgumentException(
        "buffer: " + buffer.getClass().getSimpleName() + " (expected: a HostBuffer)");
  }

  @Override
  public DType dtype() {
    return DType.F32;
  }

  @Override
  public long elements() {
    return values.length;
  }

  @Override
  public void read(long offset, float[] target) {
    System.arraycopy(values, Math.toIntExact(offset), target, 0, target.length);
  }

  @Override
  public void write(long offset, float[] source) {
    System.arraycopy(source, 0, values, Math.toIntExact(offset), source.length);
  }

  @Override
  public void copy(long from, long to, long elements) {
    System.arraycopy(
        values, Math.toIntExact(from), values, Math.toIntExact(to), Math.toIntExact(elements));
  }
}
