package dev.krait.backend;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.model.Mixer;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.StoredMatrix;
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

  /// How exact its numbers are.
  NumericMode numericMode();

  /// Zeroed numbers of a type: fp32, or that of keys and values.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room
  Buffer allocate(DType type, long elements);

  /// Zeroed floats.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room
  default Buffer allocate(long elements) {
    return allocate(DType.F32, elements);
  }

  /// A copy of floats.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room
  default Buffer bufferOf(float[] values) {
    Buffer buffer = allocate(values.length);
    buffer.write(0, values);
    return buffer;
  }

  /// In which type keys and values are kept.
  default DType keyValueType() {
    return DType.F32;
  }

  /// Rows that norms, scans, attention and gated products write and products alone read, in the
  /// type that the numeric mode's products take.
  ///
  /// @param rows most rows of a step
  /// @throws EngineException RESOURCE_EXHAUSTED when there is no room
  default Rows allocateOperand(int rows, int columns) {
    return Rows.of(allocate((long) rows * columns), columns);
  }

  /// Bytes that nobody uses in the device's own memory, which weights and buffers are taken from;
  /// empty when [#allocate] takes from the Java heap.
  default OptionalLong freeBytes() {
    return OptionalLong.empty();
  }

  /// Most bytes of its own memory that its operations take beside weights and what [#allocate]
  /// gives; 0 when they take none of [#freeBytes].
  ///
  /// @param mixers those of all models that will run
  /// @param maxModelTokens the longest sequence, in whole blocks
  default long scratchBytes(List<Mixer> mixers, int maxModelTokens) {
    return 0;
  }

  /// Whether it computes with matrices of this format.
  boolean supports(StoredMatrix matrix);

  /// The matrix in the layout that it computes with. A copy: what was stored is not read any more
  /// when it returns.
  ///
  /// @throws EngineException UNSUPPORTED naming a format that it does not support
  WeightMatrix upload(StoredMatrix matrix);

  /// What it lacks for a mixer, for people; empty when it computes it.
  default Optional<String> missing(Mixer mixer) {
    return Optional.empty();
  }

  /// Refuses a format that it does not support.
  ///
  /// @throws EngineException UNSUPPORTED naming it
  default void requireSupported(StoredMatrix matrix) {
    if (!supports(matrix)) {
      throw new EngineException(
          ErrorCode.UNSUPPORTED,
          "weights: %s (expected in the numeric mode %s of the backend %s: %s)"
              .formatted(matrix.format(), numericMode().text(), name(), numericMode().formats()));
    }
  }

  /// Arrays for steps within the given limits.
  ///
  /// @param maxBlocks most key/value blocks of a sequence
  default StepInputs newStep(int maxTokens, int maxSequences, int maxBlocks) {
    return new StepInputs(maxTokens, maxSequences, maxBlocks);
  }

  /// Runs a step's operations; a device backend may record them once and replay.
  ///
  /// @param step what the operations are given, of [#newStep]; does not change while they run
  /// @param body the operations, which follow from the step's numbers of tokens, sequences, outputs
  ///   and choices alone; always the same ones for the same step and its twin
  default void run(StepInputs step, Runnable body) {
    body.run();
  }

  /// True when [#run] returns before the step has been computed, so that the host has time for the
  /// next one.
  default boolean runsAhead() {
    return false;
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
