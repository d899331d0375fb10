package dev.krait.model.family;

import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.error.EngineException;
import dev.krait.model.Rope;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/// The rotary position embedding of a config.json, whose keys Transformers has spelled in two ways.
///
/// Version 4 writes `rope_theta` and `partial_rotary_factor` on top and `rope_scaling` beside them,
/// version 5 all of it into `rope_parameters`. Files have both, or half of each, so that they are
/// merged as Transformers 5 does: `rope_scaling` counts where it is not empty, else
/// `rope_parameters`; what it lacks is taken from the top. A key that has no meaning here is
/// refused, for a rope that is computed in another way gives other text without an error.
final class RopeKeys {
  private static final String PARAMETERS = "rope_parameters";
  private static final String SCALING = "rope_scaling";
  private static final String THETA = "rope_theta";
  private static final String PARTIAL = "partial_rotary_factor";
  private static final String ORIGINAL = "original_max_position_embeddings";

  /// What Transformers takes for a Llama without `rope_theta`.
  private static final double DEFAULT_THETA = 10_000;

  /// Keys inside of `rope_parameters` and `rope_scaling`. A type ignores those of another, as in
  /// Transformers.
  private static final Set<String> INSIDE =
      Set.of(
          "rope_type",
          "type",
          THETA,
          PARTIAL,
          "factor",
          "low_freq_factor",
          "high_freq_factor",
          ORIGINAL);

  private static final String AT_LEAST_ONE = "a finite number, 1 or more";
  private static final double MOST = Double.POSITIVE_INFINITY;

  /// What a family makes of its keys beside the usual.
  ///
  /// @param theta what a configuration means that has no `rope_theta`
  /// @param rotated share of a head that turns where the configuration does not say; empty where
  ///   all of it does and the configuration must not say otherwise
  /// @param ignored keys that change nothing for text
  record Reading(double theta, OptionalDouble rotated, Set<String> ignored) {
    static final Reading LLAMA = new Reading(DEFAULT_THETA, OptionalDouble.empty(), Set.of());
  }

  private final CheckpointConfig config;
  private final int headDim;
  private final Reading reading;

  private RopeKeys(CheckpointConfig config, int headDim, Reading reading) {
    this.config = config;
    this.headDim = headDim;
    this.reading = reading;
  }

  /// The rope of all attention layers.
  ///
  /// @param scaled whether the scaling applies; otherwise only the base of the frequencies does
  /// @throws EngineException INVALID_CHECKPOINT naming a key or value that has no meaning here
  static Rope read(CheckpointConfig config, int headDim, boolean scaled) {
    return read(config, headDim, scaled, Reading.LLAMA);
  }

  /// The same as a family reads it.
  static Rope read(CheckpointConfig config, int headDim, boolean scaled, Reading reading) {
    RopeKeys keys = new RopeKeys(config, headDim, reading);
    keys.requireKnownOnTop();
    Optional<CheckpointConfig> parameters = parameters(config);
    if (parameters.isEmpty()) {
      return keys.rope(config, Optional.empty());
    }
    Set<String> layerTypes = new HashSet<>(config.texts("layer_types"));
    boolean nested = layerTypes.containsAll(parameters.get().keys());
    return nested
        ? keys.ofLayerTypes(parameters.get(), layerTypes, scaled)
        : keys.ofParameters(parameters.get(), scaled);
  }

  private static Optional<CheckpointConfig> parameters(CheckpointConfig config) {
    return config
        .object(SCALING)
        .filter(scaling -> !scaling.keys().isEmpty())
        .or(() -> config.object(PARAMETERS).filter(parameters -> !parameters.keys().isEmpty()));
  }

  private void requireKnownOnTop() {
    requireFullRotation(config);
    for (String key : config.keys()) {
      boolean known =
          Set.of(THETA, SCALING, PARAMETERS, PARTIAL).contains(key)
              || reading.ignored().contains(key);
      boolean ofRope = key.contains("rope") || key.contains("rotary");
      // A Llama rotates halves; `rope_interleaved: false` says so.
      boolean halves = key.equals("rope_interleaved") && !config.flag(key, false);
      if (ofRope && !known && !halves && config.has(key)) {
        throw config.refusal(key, "no other key of rope than rope_theta and rope_parameters");
      }
    }
  }

  /// Layer types with parameters of their own, which must be the same for all layers that there
  /// are: the model has one rope.
  private Rope ofLayerTypes(CheckpointConfig parameters, Set<String> layerTypes, boolean scaled) {
    List<Rope> ropes = new ArrayList<>();
    for (String type : layerTypes) {
      CheckpointConfig own =
          parameters
              .object(type)
              .orElseThrow(() -> parameters.refusal(type, "parameters for each of layer_types"));
      ropes.add(ofParameters(own, scaled));
    }
    if (new HashSet<>(ropes).size() > 1) {
      throw config.refusal(PARAMETERS, "the same rope for all layers of this architecture");
    }
    return ropes.getFirst();
  }

  private Rope ofParameters(CheckpointConfig parameters, boolean scaled) {
    if (scaled) {
      for (String key : parameters.keys()) {
        if (!INSIDE.contains(key) && !reading.ignored().contains(key) && parameters.has(key)) {
          throw parameters.refusal(
              key, "no such key, or one of " + INSIDE.stream().sorted().toList());
        }
      }
    }
    requireFullRotation(parameters);
    return rope(
        parameters.contains(THETA) ? parameters : config,
        scaled ? Optional.of(parameters) : Optional.empty());
  }

  private void requireFullRotation(CheckpointConfig in) {
    if (reading.rotated().isEmpty()) {
      in.number(PARTIAL, 1, value -> value == 1, "1, which rotates whole heads");
    }
  }

  /// Elements of a head that turn, an even number.
  private int rotated(CheckpointConfig in) {
    if (reading.rotated().isEmpty()) {
      return headDim;
    }
    double share =
        in.number(
            PARTIAL,
            reading.rotated().getAsDouble(),
            value -> value <= 1 && (int) (headDim * value) >= 2 && (int) (headDim * value) % 2 == 0,
            "a share of head_dim %d that is an even number, 2 or more".formatted(headDim));
    return (int) (headDim * share);
  }

  private Rope rope(CheckpointConfig thetaIn, Optional<CheckpointConfig> scaling) {
    if (thetaIn.contains(THETA) && !thetaIn.has(THETA)) {
      // A null means no rotation at all to some families.
      throw thetaIn.refusal(THETA, AT_LEAST_ONE);
    }
    double theta = thetaIn.number(THETA, reading.theta(), RopeKeys::atLeastOne, AT_LEAST_ONE);
    int rotated = rotated(scaling.filter(in -> in.has(PARTIAL)).orElse(config));
    return new Rope(rotated, theta, scaling.map(this::scaling).orElseGet(Rope.Scaling.None::new));
  }

  private Rope.Scaling scaling(CheckpointConfig in) {
    String type = in.optionalText("rope_type").or(() -> in.optionalText("type")).orElse("default");
    return switch (type) {
      case "default" -> new Rope.Scaling.None();
      case "linear" ->
          new Rope.Scaling.Linear(in.number("factor", RopeKeys::atLeastOne, AT_LEAST_ONE));
      case "llama3" -> llama3(in);
      default -> throw in.invalid("rope_type", type, "default, linear or llama3");
    };
  }

  private Rope.Scaling llama3(CheckpointConfig in) {
    double low =
        in.number("low_freq_factor", value -> value > 0 && value < MOST, "a finite number above 0");
    double high =
        in.number(
            "high_freq_factor",
            value -> value > low && value < MOST,
            "a finite number above low_freq_factor " + low);
    return new Rope.Scaling.Llama3(
        in.number("factor", RopeKeys::atLeastOne, AT_LEAST_ONE), low, high, originalTokens(in));
  }

  /// The context before scaling: the key on top, else inside, else the context itself.
  private double originalTokens(CheckpointConfig in) {
    if (config.has(ORIGINAL)) {
      return config.number(ORIGINAL, RopeKeys::atLeastOne, AT_LEAST_ONE);
    }
    return in.has(ORIGINAL) || !config.has("max_position_embeddings")
        ? in.number(ORIGINAL, RopeKeys::atLeastOne, AT_LEAST_ONE)
        : config.positiveInt("max_position_embeddings");
  }

  private static boolean atLeastOne(double value) {
    return value >= 1 && value < MOST;
  }
}
