package dev.krait.backend;

import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.model.MixerWeights.Expert;
import dev.krait.model.RoutedMlp;
import dev.krait.tensor.Rows;
import java.util.HashMap;
import java.util.Map;

/// Mixtures of experts for backends whose buffers lie in the Java heap: the rows that chose an
/// expert are gathered and go through it together, by the backend's own products.
public final class HostExperts {
  private final Map<RoutedMlp, Work> works = new HashMap<>();

  /// Nothing is allocated yet.
  public HostExperts() {}

  /// Computes [Ops#experts].
  ///
  /// @param ops whose products and activations are used
  public void run(Ops ops, ExpertsArgs args, int rows) {
    RoutedMlp mixer = args.weights().mixer();
    Work work = works.get(mixer);
    if (work == null || work.maxRows < rows) {
      work = new Work(mixer, args.x().columns(), rows);
      works.put(mixer, work);
    }
    work.run(ops, args, rows);
  }

  /// Memory for one kind of mixture, and its passes.
  private static final class Work {
    private final RoutedMlp mixer;
    private final int maxRows;
    private final int slots;
    private final ExpertChoice choice;

    /// Experts and weights of each row, in the order of the choice `[rows, slots]`.
    private final int[] chosen;

    private final float[] weights;

    /// Places in [#chosen] by expert, and where each expert's begin.
    private final int[] places;

    private final int[] firstPlace;

    /// Outputs of the experts `[rows, slots, width]`.
    private final float[] outputs;

    private final Rows gathered;
    private final Rows output;
    private final Inner routed;
    private final Inner shared;

    /// Rows between an expert's projections.
    private record Inner(Rows projected, Rows gate, Rows up, Rows activated) {
      static Inner of(int rows, int width, boolean gated) {
        Rows projected = rows(rows, gated ? 2 * width : width);
        return gated
            ? new Inner(
                projected,
                projected.columns(0, width),
                projected.columns(width, width),
                rows(rows, width))
            : new Inner(projected, projected, projected, projected);
      }
    }

    private Work(RoutedMlp mixer, int width, int maxRows) {
      this.mixer = mixer;
      this.maxRows = maxRows;
      slots = mixer.perToken() + (mixer.sharedDim() > 0 ? 1 : 0);
      choice = new ExpertChoice(mixer);
      chosen = new int[maxRows * slots];
      weights = new float[maxRows * slots];
      places = new int[maxRows * slots];
      firstPlace = new int[mixer.scores() + 1];
      outputs = new float[Math.multiplyExact(maxRows * slots, width)];
      gathered = rows(maxRows, width);
      output = rows(maxRows, width);
      routed = Inner.of(maxRows, mixer.intermediateDim(), mixer.gated());
      shared = Inner.of(maxRows, mixer.sharedDim(), mixer.gated());
    }

    private static Rows rows(int rows, int columns) {
      return Rows.of(HostBuffer.allocate((long) rows * columns), columns);
    }

    private void run(Ops ops, ExpertsArgs args, int rows) {
      for (int t = 0; t < rows; t++) {
        int scoresFrom = args.scores().offset() + t * args.scores().stride();
        float[] scores = HostBuffer.floats(args.scores().buffer());
        choice.choose(scores, scoresFrom, args.weights().bias(), chosen, weights, t * slots);
      }
      sortPlaces(rows * slots);
      for (int e = 0; e < mixer.scores(); e++) {
        if (firstPlace[e + 1] > firstPlace[e]) {
          runExpert(ops, args, e);
        }
      }
      sum(args.dst(), rows);
    }

    /// Counts, then lays out the places of each expert in ascending order.
    private void sortPlaces(int count) {
      java.util.Arrays.fill(firstPlace, 0);
      for (int i = 0; i < count; i++) {
        firstPlace[chosen[i] + 1]++;
      }
      for (int e = 0; e < mixer.scores(); e++) {
        firstPlace[e + 1] += firstPlace[e];
      }
      for (int i = count - 1; i >= 0; i--) {
        places[--firstPlace[chosen[i] + 1]] = i;
      }
      // Each bound went down to the beginning of its expert.
      System.arraycopy(firstPlace, 1, firstPlace, 0, mixer.scores());
      firstPlace[mixer.scores()] = count;
    }

    private void runExpert(Ops ops, ExpertsArgs args, int e) {
      int first = firstPlace[e];
      int count = firstPlace[e + 1] - first;
      int width = gathered.columns();
      float[] in = HostBuffer.floats(args.x().buffer());
      for (int i = 0; i < count; i++) {
        int from = args.x().offset() + places[first + i] / slots * args.x().stride();
        System.arraycopy(in, from, HostBuffer.floats(gathered.buffer()), i * width, width);
      }
      Expert expert = args.weights().experts().get(e);
      Inner inner = e < mixer.experts() ? routed : shared;
      ops.matmul(inner.projected(), gathered, expert.up(), count);
      if (mixer.gated()) {
        ops.activateMul(inner.activated(), inner.gate(), inner.up(), mixer.activation(), count);
      } else {
        ops.activate(inner.projected(), mixer.activation(), count);
      }
      ops.matmul(output, inner.activated(), expert.down(), count);
      for (int i = 0; i < count; i++) {
        int to = places[first + i] * width;
        System.arraycopy(HostBuffer.floats(output.buffer()), i * width, outputs, to, width);
      }
    }

    private void sum(Rows dst, int rows) {
      float[] out = HostBuffer.floats(dst.buffer());
      int width = gathered.columns();
      for (int t = 0; t < rows; t++) {
        int to = dst.offset() + t * dst.stride();
        java.util.Arrays.fill(out, to, to + width, 0);
        for (int i = t * slots; i < (t + 1) * slots; i++) {
          for (int k = 0; k < width; k++) {
            out[to + k] = Math.fma(weights[i], outputs[i * width + k], out[to + k]);
          }
        }
      }
    }
  }
}
