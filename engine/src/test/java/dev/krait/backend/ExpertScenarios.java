package dev.krait.backend;

import dev.krait.backend.OpArgs.ExpertsArgs;
import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.model.Activation;
import dev.krait.model.MixerWeights.Expert;
import dev.krait.model.MixerWeights.RoutedMlpWeights;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.RoutedMlp.Score;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Mixtures of experts with every kind of router.
final class ExpertScenarios {
  private static final int WIDTH = 24;

  private ExpertScenarios() {}

  /// Mixtures with and without gates, groups, a bias and a shared expert.
  static List<RoutedMlp> mixers() {
    Router sigmoid = new Router(Score.SIGMOID, true, true, 1e-20f, 2.5f, 1, 1);
    Router grouped = new Router(Score.SIGMOID, true, true, 1e-6f, 1, 4, 2);
    Activation silu = Activation.SILU;
    Activation squared = Activation.SQUARED_RELU;
    return List.of(
        new RoutedMlp(1, 1, Router.softmax(true), true, silu, 16, 0, 0),
        new RoutedMlp(6, 3, Router.softmax(true), true, silu, 16, 8, 0),
        new RoutedMlp(4, 2, Router.softmax(false), true, silu, 20, 0, 0),
        new RoutedMlp(8, 3, sigmoid, false, squared, 17, 0, 0),
        new RoutedMlp(12, 4, grouped, false, squared, 16, 0, 0));
  }

  static void add(List<Scenario> all) {
    for (RoutedMlp mixer : mixers()) {
      for (int tokens : new int[] {0, 1, 2, 33}) {
        all.add(
            new Scenario(
                "experts " + mixer + " x " + tokens,
                OpScenarios.SCAN,
                bench -> {
                  Rows x = bench.rows(tokens, WIDTH, 1);
                  Rows scores = bench.rows(tokens, mixer.scores(), 2);
                  Rows dst = bench.output(tokens, WIDTH);
                  ExpertsArgs args = new ExpertsArgs(dst, x, scores, weights(bench, mixer));
                  bench.ops().experts(args, tokens);
                }));
      }
    }
  }

  static RoutedMlpWeights weights(OpRig bench, RoutedMlp mixer) {
    List<Expert> experts = new ArrayList<>();
    for (int e = 0; e < mixer.scores(); e++) {
      int inner = e < mixer.experts() ? mixer.intermediateDim() : mixer.sharedDim();
      experts.add(
          new Expert(
              bench.matrix((mixer.gated() ? 2 : 1) * inner, WIDTH, DType.BF16),
              bench.matrix(WIDTH, inner, DType.BF16)));
    }
    Optional<Buffer> bias =
        mixer.router().bias() ? Optional.of(bench.buffer(mixer.experts(), 0.3f)) : Optional.empty();
    return new RoutedMlpWeights(
        mixer,
        bench.matrix(mixer.scores(), WIDTH, DType.BF16),
        bias,
        Optional.empty(),
        experts,
        Optional.empty());
  }
}
