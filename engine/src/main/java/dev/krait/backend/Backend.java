package dev.krait.backend;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.List;

/// A device: its memory and its operations.
public interface Backend extends AutoCloseable {

  /// `cpu`, `reference` or `cuda`.
  String name();

  /// What it runs on, for people: cores, vector width, device.
  String describe();

  /// Its operations.
  Ops ops();

  /// Zeroed floats.
  ///
  /// @throws dev.krait.error.EngineException RESOURCE_EXHAUSTED when there is no room
  Buffer allocate(long elements);

  /// True when [#allocate] takes from the Java heap, whose size then bounds the caches.
  default boolean allocatesOnHeap() {
    return false;
  }

  /// A weight matrix from blocks of rows `[n, columns]` of one float type, stacked in order; kept
  /// in that type.
  WeightMatrix upload(List<Tensor> rowBlocks);

  /// Runs a step's operations; a device backend may capture them once and replay.
  default void run(Runnable body) {
    body.run();
  }

  /// Frees everything it made.
  @Override
  void close();
}
