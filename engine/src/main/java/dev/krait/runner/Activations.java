package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.GatedMlp;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelSpec;
import dev.krait.model.ResidualBlock;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.List;
import java.util.stream.Stream;

/// Scratch memory of a step, planned once from the model and the limits; layers share it.
public final class Activations {
  private final Rows residual;
  private final Rows normed;
  private final Rows delta;
  private final Buffer projection;
  private final Buffer convolved;
  private final Buffer selection;
  private final Buffer timeStep;
  private final Buffer mixed;
  private final List<RopeAngles> ropes;
  private final Rows gathered;
  private final Rows gatheredNormed;
  private final Rows logits;
  private final int outputRows;

  /// Angles of every row's position under one rotary embedding, which attention layers share that
  /// have the same.
  record RopeAngles(Rope rope, Rows cos, Rows sin) {}

  /// Widest row of each scratch buffer.
  private static final class Widths {
    int projection;
    int convolved;
    int selection;
    int timeStep;
    int mixed;

    void include(ResidualBlock branch) {
      switch (branch.mixer()) {
        case Attention mixer -> {
          projection = Math.max(projection, mixer.projectionColumns());
          mixed = Math.max(mixed, mixer.heads() * mixer.headDim());
        }
        case Mamba1 mixer -> {
          projection = Math.max(projection, mixer.projectionColumns());
          convolved = Math.max(convolved, mixer.innerDim());
          selection = Math.max(selection, mixer.selectionColumns());
          timeStep = Math.max(timeStep, mixer.innerDim());
          mixed = Math.max(mixed, mixer.innerDim());
        }
        case Mamba2 mixer -> {
          projection = Math.max(projection, mixer.projectionColumns());
          convolved = Math.max(convolved, mixer.convChannels());
          mixed = Math.max(mixed, mixer.innerDim());
        }
        case GatedMlp mixer -> {
          projection = Math.max(projection, 2 * mixer.intermediateDim());
          mixed = Math.max(mixed, mixer.intermediateDim());
        }
      }
    }
  }

  /// Memory for steps of up to `maxTokens` rows, of which `outputRows` at a time get logits.
  public Activations(Backend backend, ModelSpec spec, int maxTokens, int outputRows) {
    Widths widths = new Widths();
    spec.layers().forEach(layer -> layer.forEach(widths::include));
    int hidden = spec.hiddenDim();
    this.outputRows = outputRows;
    residual = Rows.of(backend.allocate((long) maxTokens * hidden), hidden);
    normed = Rows.of(backend.allocate((long) maxTokens * hidden), hidden);
    delta = Rows.of(backend.allocate((long) maxTokens * hidden), hidden);
    projection = backend.allocate((long) maxTokens * widths.projection);
    convolved = backend.allocate((long) maxTokens * widths.convolved);
    selection = backend.allocate((long) maxTokens * widths.selection);
    timeStep = backend.allocate((long) maxTokens * widths.timeStep);
    mixed = backend.allocate((long) maxTokens * widths.mixed);
    ropes = ropes(spec).map(rope -> angles(backend, rope, maxTokens)).toList();
    gathered = Rows.of(backend.allocate((long) outputRows * hidden), hidden);
    gatheredNormed = Rows.of(backend.allocate((long) outputRows * hidden), hidden);
    logits = Rows.of(backend.allocate((long) outputRows * spec.headRows()), spec.headRows());
  }

  /// The different rotary embeddings of a model's attention layers.
  private static Stream<Rope> ropes(ModelSpec spec) {
    return spec.layers().stream()
        .flatMap(List::stream)
        .flatMap(branch ->
            branch.mixer() instanceof Attention own ? Stream.of(own.rope()) : Stream.<Rope>empty())
        .distinct();
  }

  private static RopeAngles angles(Backend backend, Rope rope, int maxTokens) {
    int pairs = rope.headDim() / 2;
    return new RopeAngles(
        rope,
        Rows.of(backend.allocate((long) maxTokens * pairs), pairs),
        Rows.of(backend.allocate((long) maxTokens * pairs), pairs));
  }

  /// Rows that get logits at a time.
  public int outputRows() {
    return outputRows;
  }

  Rows residual() {
    return residual;
  }

  Rows normed() {
    return normed;
  }

  Rows delta() {
    return delta;
  }

  Rows projection(int columns) {
    return Rows.of(projection, columns);
  }

  Rows convolved(int columns) {
    return Rows.of(convolved, columns);
  }

  Rows selection(int columns) {
    return Rows.of(selection, columns);
  }

  Rows timeStep(int columns) {
    return Rows.of(timeStep, columns);
  }

  Rows mixed(int columns) {
    return Rows.of(mixed, columns);
  }

  /// One for each different rotary embedding.
  List<RopeAngles> ropes() {
    return ropes;
  }

  RopeAngles angles(Rope rope) {
    return ropes.stream().filter(angles -> angles.rope().equals(rope)).findFirst().orElseThrow();
  }

  Rows gathered() {
    return gathered;
  }

  Rows gatheredNormed() {
    return gatheredNormed;
  }

  Rows logits() {
    return logits;
  }
}
