package dev.krait.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The parameter struct of a kernel, written field by field with C's alignment and used again for
/// every launch.
public final class KernelParams {
  private static final int MAX_BYTES = 512;

  private final MemorySegment struct;
  private final MemorySegment arguments;
  private int end;

  KernelParams(Arena arena) {
    struct = arena.allocate(MAX_BYTES, Long.BYTES);
    arguments = arena.allocate(ValueLayout.ADDRESS);
    arguments.set(ValueLayout.ADDRESS, 0, struct);
  }

  void begin() {
    end = 0;
  }

  /// Size of the struct: what was written, up to a multiple of its pointers' size.
  int size() {
    return (end + Long.BYTES - 1) & -Long.BYTES;
  }

  /// An array of one pointer to the struct.
  MemorySegment arguments() {
    return arguments;
  }

  /// A pointer, or another number of 64 bits; 0 for null.
  public KernelParams pointer(long address) {
    align();
    struct.set(ValueLayout.JAVA_LONG, end, address);
    end += Long.BYTES;
    return this;
  }

  /// Goes to the end of a struct that holds pointers.
  public KernelParams align() {
    end = size();
    return this;
  }

  /// An `int`.
  public KernelParams integer(int value) {
    struct.set(ValueLayout.JAVA_INT, end, value);
    end += Integer.BYTES;
    return this;
  }

  /// A `float`.
  public KernelParams real(float value) {
    struct.set(ValueLayout.JAVA_FLOAT, end, value);
    end += Float.BYTES;
    return this;
  }
}
