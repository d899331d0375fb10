package dev.krait.cuda;

import dev.krait.backend.StepInputs;
import dev.krait.cuda.driver.CudaDevice;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Steps of few tokens as graphs: recorded the second time that a shape is seen, replayed from then
/// on. What a step launches follows from its body, its tokens and its sequences.
final class StepGraphs {
  /// Larger steps are bound by the device, not by launches, and come in many shapes.
  private static final int MOST_TOKENS = 64;

  private static final int MOST_GRAPHS = 256;

  private final CudaDevice device;
  private final CudaOps ops;
  private final Map<Shape, Recorded> graphs = new HashMap<>();

  private record Shape(Runnable body, int tokens, int sequences) {}

  /// A shape that was seen once has no graph yet.
  private record Recorded(Optional<CudaDevice.Graph> graph) {}

  StepGraphs(CudaDevice device, CudaOps ops) {
    this.device = device;
    this.ops = ops;
  }

  void run(StepInputs step, Runnable body) {
    ops.begin(step);
    try {
      if (step.tokens > MOST_TOKENS) {
        body.run();
        return;
      }
      Shape shape = new Shape(body, step.tokens, step.sequences);
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
    } finally {
      ops.end();
    }
  }

  void close() {
    for (Recorded recorded : graphs.values()) {
      recorded.graph().ifPresent(CudaDevice.Graph::close);
    }
  }
}
