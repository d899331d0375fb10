package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Runs of a [CudaStep] and its twin with few tokens as graphs: recorded the second time that a
/// shape is seen, replayed from then on. What a step launches follows from its tokens, sequences,
/// outputs and choices.
///
/// Decoding, one token of each sequence, has one shape for each number of sequences, and every one
/// has a graph in the end. Other shapes are many, and get graphs until there are enough.
final class StepGraphs {
  /// Larger steps are bound by the device, not by launches.
  private static final int MAX_DECODED = 256;

  /// The same for steps that are not decoding, which come in many shapes.
  private static final int MAX_TOKENS = 64;

  private static final int MAX_OTHERS = 256;

  /// What a graph of 600 kernels takes of the device, measured by `benchmarks/lab/steps`.
  private static final long GRAPH_BYTES = 1 << 20;

  /// Most that the graphs of a model take of the device.
  static final long MAX_BYTES = GRAPH_BYTES * (MAX_DECODED + MAX_OTHERS);

  private final CudaDevice device;
  private final Map<Shape, Recorded> graphs = new HashMap<>();
  private int others;

  private record Shape(int tokens, int sequences, int outputs, int choices) {
    boolean isDecoding() {
      return tokens == sequences && tokens == choices && tokens == outputs;
    }
  }

  /// A shape that was seen once has no graph yet.
  private record Recorded(Optional<CudaDevice.Graph> graph) {}

  StepGraphs(CudaDevice device) {
    this.device = device;
  }

  /// Runs the step's operations; it has been uploaded.
  void run(CudaStep step, Runnable body) {
    Shape shape = new Shape(step.tokens, step.sequences, step.outputs, step.choices);
    if (step.tokens > (shape.isDecoding() ? MAX_DECODED : MAX_TOKENS)) {
      body.run();
      return;
    }
    Recorded seen = graphs.get(shape);
    if (seen == null) {
      body.run();
      if (shape.isDecoding() || others < MAX_OTHERS) {
        others += shape.isDecoding() ? 0 : 1;
        graphs.put(shape, new Recorded(Optional.empty()));
      }
      return;
    }
    if (seen.graph().isEmpty()) {
      seen = new Recorded(Optional.of(device.capture(body)));
      graphs.put(shape, seen);
    }
    seen.graph().get().launch();
  }

  void close() {
    for (Recorded recorded : graphs.values()) {
      recorded.graph().ifPresent(CudaDevice.Graph::close);
    }
  }
}
