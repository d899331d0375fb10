package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.model.MixerWeights.Expert;
import dev.krait.model.MixerWeights.RoutedMlpWeights;
import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.RoutedMlp.Score;
import dev.krait.model.WeightSource;
import dev.krait.model.WeightSource.RowBlock;
import dev.krait.model.family.ModelPlan.Part;
import dev.krait.tensor.WeightMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Where a mixture of experts has its tensors, behind the layer's prefix.
///
/// @param router matrix of the scores
/// @param bias of the choice, where the router has one
/// @param gate gate of an expert, with `{}` for its number; empty where `up` has it or there is
///   none
/// @param up up of an expert, or of all experts in one tensor of three dimensions
/// @param down the same of down
record ExpertTensors(String router, String bias, String gate, String up, String down) {
  private static final String SHARED = "mlp.shared_expert";
  private static final String TO_LATENT = "mixer.fc1_latent_proj.weight";
  private static final String FROM_LATENT = "mixer.fc2_latent_proj.weight";

  /// Experts in tensors of their own.
  ///
  /// @param own prefix of all names
  /// @param names of gate, up and down, or of up and down alone
  static ExpertTensors each(String own, String router, String bias, List<String> names) {
    String expert = own + "experts.{}.";
    boolean gated = names.size() == 3;
    return new ExpertTensors(
        own + router + ".weight",
        own + bias,
        gated ? expert + names.getFirst() + ".weight" : "",
        expert + names.get(names.size() - 2) + ".weight",
        expert + names.getLast() + ".weight");
  }

  /// Experts each token goes through.
  static int perToken(ModelFolder folder, String key, int experts) {
    int perToken = folder.config().positiveInt(key);
    folder.require(
        perToken <= experts, folder.config(), key, "at most the " + experts + " experts");
    return perToken;
  }

  /// A router of sigmoids.
  ///
  /// @param renormalised key that says whether weights are divided by their sum
  /// @param epsilon added to that sum
  /// @param groups key of the number of groups
  static Router sigmoid(
      ModelFolder folder, String renormalised, boolean bias, float epsilon, String groups) {
    CheckpointConfig config = folder.config();
    double scale =
        config.number(
            "routed_scaling_factor",
            1,
            value -> value > 0 && value < Double.POSITIVE_INFINITY,
            "a finite number above 0");
    int all = config.positiveInt(groups, 1);
    int kept = config.positiveInt("topk_group", all);
    folder.require(kept <= all, config, "topk_group", "at most " + groups + " " + all);
    boolean divided = config.flag(renormalised, true);
    return new Router(Score.SIGMOID, bias, divided, epsilon, (float) scale, all, kept);
  }

  /// The mixture in a layer.
  Part in(LayerTensors layer, RoutedMlp mixer) {
    return new Part(mixer, 1, source -> read(layer, mixer, source));
  }

  private RoutedMlpWeights read(LayerTensors layer, RoutedMlp mixer, WeightSource source) {
    String prefix = layer.prefix();
    int hidden = layer.hidden();
    boolean latent = mixer.latentDim() > 0;
    int width = latent ? mixer.latentDim() : hidden;
    List<RowBlock> scores = new ArrayList<>();
    scores.add(RowBlock.all(prefix + router, mixer.experts()));
    List<Expert> experts = new ArrayList<>();
    for (int e = 0; e < mixer.experts(); e++) {
      experts.add(expert(prefix, mixer, e, width, source));
    }
    if (mixer.sharedDim() > 0) {
      scores.add(RowBlock.all(prefix + SHARED + "_gate.weight", 1));
      String shared = prefix + SHARED + ".";
      int inner = mixer.sharedDim();
      WeightMatrix up =
          source.matrix(
              width,
              RowBlock.all(shared + "gate_proj.weight", inner),
              RowBlock.all(shared + "up_proj.weight", inner));
      RowBlock down = RowBlock.all(shared + "down_proj.weight", width);
      experts.add(new Expert(up, source.matrix(inner, down)));
    }
    return new RoutedMlpWeights(
        mixer,
        source.matrix(hidden, scores.toArray(RowBlock[]::new)),
        mixer.router().bias()
            ? Optional.of(source.vector(prefix + bias, mixer.experts()))
            : Optional.empty(),
        latent
            ? Optional.of(source.matrix(hidden, RowBlock.all(prefix + TO_LATENT, width)))
            : Optional.empty(),
        experts,
        latent
            ? Optional.of(source.matrix(width, RowBlock.all(prefix + FROM_LATENT, hidden)))
            : Optional.empty());
  }

  private Expert expert(String prefix, RoutedMlp mixer, int e, int width, WeightSource source) {
    int inner = mixer.intermediateDim();
    if (!up.contains("{}")) {
      RowBlock both = RowBlock.of(prefix + up, e, mixer.innerColumns(), mixer.experts());
      RowBlock back = RowBlock.of(prefix + down, e, width, mixer.experts());
      return new Expert(source.matrix(width, both), source.matrix(inner, back));
    }
    List<RowBlock> rows = new ArrayList<>();
    for (String name : mixer.gated() ? List.of(gate, up) : List.of(up)) {
      rows.add(RowBlock.all(prefix + numbered(name, e), inner));
    }
    return new Expert(
        source.matrix(width, rows.toArray(RowBlock[]::new)),
        source.matrix(inner, RowBlock.all(prefix + numbered(down, e), width)));
  }

  private static String numbered(String name, int e) {
    return name.replace("{}", Integer.toString(e));
  }
}
