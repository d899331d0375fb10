package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.model.Branch;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.GatedMlp;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelSpec;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;

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
  private final Rows gated;
  private final Rows cos;
  private final Rows sin;
  private final Rows gathered;
  private final Rows gatheredNormed;
  private final Rows logits;
  private final int outputRows;

  /// Widest row of each scratch buffer.
  private static final class Widths {
    int projection;
    int convolved;
    int selection;
    int timeStep;
    int mixed;
    int gated;
    int rope;

    void include(Branch branch) {
      switch (branch.mixer()) {
        case Attention mixer -> {
          projection = Math.max(projection, mixer.projectionColumns());
          mixed = Math.max(mixed, mixer.heads() * mixer.headDim());
          rope = Math.max(rope, mixer.headDim() / 2);
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
          gated = Math.max(gated, mixer.intermediateDim());
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
    normed = backend.allocateOperand(maxTokens, hidden);
    delta = Rows.of(backend.allocate((long) maxTokens * hidden), hidden);
    projection = backend.allocate((long) maxTokens * widths.projection);
    convolved = backend.allocate((long) maxTokens * widths.convolved);
    selection = backend.allocate((long) maxTokens * widths.selection);
    timeStep = backend.allocate((long) maxTokens * widths.timeStep);
    mixed = backend.allocate((long) maxTokens * widths.mixed);
    gated = backend.allocateOperand(maxTokens, widths.gated);
    cos = Rows.of(backend.allocate((long) maxTokens * widths.rope), widths.rope);
    sin = Rows.of(backend.allocate((long) maxTokens * widths.rope), widths.rope);
    gathered = Rows.of(backend.allocate((long) outputRows * hidden), hidden);
    gatheredNormed = backend.allocateOperand(outputRows, hidden);
    logits = Rows.of(backend.allocate((long) outputRows * spec.headRows()), spec.headRows());
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

  Rows gated(int columns) {
    return Rows.of(gated.buffer(), columns);
  }

  Rows cos() {
    return cos;
  }

  Rows sin() {
    return sin;
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
