package dev.krait.backend.cpu;

import dev.krait.backend.HostBuffer;
import dev.krait.tensor.Rows;

/// Where rows lie in the heap.
final class HostRows {
  private HostRows() {}

  static float[] floats(Rows rows) {
    return HostBuffer.floats(rows.buffer());
  }

  /// Index of the first float of a row.
  static int at(Rows rows, int row) {
    return rows.offset() + row * rows.stride();
  }
}
