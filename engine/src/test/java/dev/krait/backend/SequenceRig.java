package dev.krait.backend;

import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;

/// Sequences with seeded inputs for every position, computed span by span in any order and company;
/// outputs are kept by position.
abstract class SequenceRig {
  /// Some tokens of one sequence in a step.
  ///
  /// @param sequence which
  /// @param first position of its first token
  /// @param count tokens
  /// @param direct tokens that cannot be rejected
  /// @param fold accepted tokens in the window
  /// @param held unverified tokens in the window
  /// @param wrong true to feed other inputs than the sequence's, for tokens that will be rejected
  record Span(int sequence, int first, int count, int direct, int fold, int held, boolean wrong) {
    /// A span without speculation.
    static Span plain(int sequence, int first, int count) {
      return new Span(sequence, first, count, count, 0, 0, false);
    }
  }

  final OpRig bench;
  final int sequences;
  final int length;

  /// `[sequences][length][columns]` of each input, then the same again for wrong inputs.
  private final List<float[]> inputs = new ArrayList<>();

  private final List<Integer> inputColumns = new ArrayList<>();
  private final int outputColumns;
  private final float[] output;

  SequenceRig(OpRig bench, int sequences, int length, int outputColumns) {
    this.bench = bench;
    this.sequences = sequences;
    this.length = length;
    this.outputColumns = outputColumns;
    output = new float[sequences * length * outputColumns];
    java.util.Arrays.fill(output, Float.NaN);
  }

  final void addInput(int columns, float scale) {
    inputColumns.add(columns);
    inputs.add(bench.values(2 * sequences * length * columns, scale));
  }

  /// Fills what a step needs beyond tokens and positions.
  abstract void place(StepInputs step, int index, int sequence);

  abstract int maxBlocks();

  abstract void compute(Rows dst, List<Rows> inputs, StepInputs step);

  final void step(List<Span> spans) {
    int tokens = spans.stream().mapToInt(Span::count).sum();
    StepInputs step = bench.newStep(Math.max(1, tokens), spans.size(), maxBlocks());
    List<Rows> rows = new ArrayList<>();
    for (int columns : inputColumns) {
      rows.add(bench.rows(tokens, columns, 0));
    }
    for (Span span : spans) {
      place(step, step.sequences, span.sequence());
      append(step, span, rows);
    }
    Rows dst =
        Rows.of(bench.bufferOf(new float[Math.max(1, tokens) * outputColumns]), outputColumns);
    compute(dst, rows, step);
    keep(spans, dst);
  }

  private void append(StepInputs step, Span span, List<Rows> rows) {
    int index = step.sequences++;
    step.firstToken[index] = step.tokens;
    step.tokenCount[index] = span.count();
    step.firstPosition[index] = span.first();
    step.directTokens[index] = span.direct();
    step.foldTokens[index] = span.fold();
    step.heldTokens[index] = span.held();
    for (int j = 0; j < span.count(); j++) {
      int row = step.tokens++;
      step.positions[row] = span.first() + j;
      step.sequenceOf[row] = index;
      int source = (span.wrong() ? sequences : 0) + span.sequence();
      for (int i = 0; i < rows.size(); i++) {
        int columns = inputColumns.get(i);
        float[] values = new float[columns];
        int from = (source * length + span.first() + j) * columns;
        System.arraycopy(inputs.get(i), from, values, 0, columns);
        Rows to = rows.get(i);
        to.buffer().write(to.offset() + (long) row * to.stride(), values);
      }
    }
  }

  private void keep(List<Span> spans, Rows dst) {
    int row = 0;
    for (Span span : spans) {
      float[] values = new float[outputColumns];
      for (int j = 0; j < span.count(); j++) {
        dst.buffer().read((long) row++ * outputColumns, values);
        int to = (span.sequence() * length + span.first() + j) * outputColumns;
        System.arraycopy(values, 0, output, to, outputColumns);
      }
    }
  }

  /// Outputs so far `[sequences, length, columns]`.
  final float[] output() {
    return output;
  }

  /// Memory that must agree when the same tokens were computed.
  abstract List<Buffer> memory();

  /// Outputs and memory.
  final List<float[]> results() {
    List<float[]> results = new ArrayList<>();
    results.add(output.clone());
    for (Buffer buffer : memory()) {
      float[] content = new float[Math.toIntExact(buffer.elements())];
      buffer.read(0, content);
      results.add(content);
    }
    return results;
  }
}
