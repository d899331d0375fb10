package dev.krait.cuda;

import dev.krait.cuda.driver.CudaDevice;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Runs of a [CudaStep] and its twin with few tokens as graphs: recorded the second time that a
/// shape is seen, replayed from then on. What a step launches follows from its tokens, sequences,
/// outputs and choices.
final class StepGraphs {
  /// Larger steps are bound by the device, not by launches, and come in many shapes.
  private static final int MOST_TOKENS = 64;

  private static final int MOST_GRAPHS = 256;

  private final CudaDevice device;
  private final Map<Shape, Recorded> graphs = new HashMap<>();

  private record Shape(int tokens, int sequences, int outputs, int choices) {}

  /// A shape that was seen once has no graph yet.
  private record Recorded(Optional<CudaDevice.Graph> graph) {}

  StepGraphs(CudaDevice device) {
    this.device = device;
  }

  /// Runs the step's operations; it has been uploaded.
  void run(CudaStep step, Runnable body) {
    if (step.tokens > MOST_TOKENS) {
      body.run();
      return;
    }
    Shape shape = new Shape(step.tokens, step.sequences, step.outputs, step.choices);
    Recorded seen = graphs.get(shape);
    if (seen == null) {
      body.run();
      if (graphs.size() < MOST_GRAPHS) {
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
