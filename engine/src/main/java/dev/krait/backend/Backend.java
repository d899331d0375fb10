package dev.krait.backend;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

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

  /// Bytes that nobody uses in the device's own memory, which weights and buffers are taken from;
  /// empty when [#allocate] takes from the Java heap.
  default OptionalLong freeBytes() {
    return OptionalLong.empty();
  }

  /// A weight matrix from blocks of rows `[n, columns]` of one float type, stacked in order; kept
  /// in that type.
  WeightMatrix upload(List<Tensor> rowBlocks);

  /// Arrays for steps within the given limits.
  ///
  /// @param maxBlocks most key/value blocks of a sequence
  default StepInputs newStep(int maxTokens, int maxSequences, int maxBlocks) {
    return new StepInputs(maxTokens, maxSequences, maxBlocks);
  }

  /// Runs a step's operations; a device backend may record them once and replay.
  ///
  /// @param step what the operations are given, of [#newStep]; does not change while they run
  /// @param body the operations, which follow from the step's numbers of tokens, sequences and
  ///   outputs alone; always the same ones for the same step
  default void run(StepInputs step, Runnable body) {
    body.run();
  }

  /// Measures what the device can do at best, for a second or two; empty when it is the host's
  /// processors.
  default Optional<MachineRates> measureRates() {
    return Optional.empty();
  }

  /// Frees everything it made.
  @Override
  void close();
}
