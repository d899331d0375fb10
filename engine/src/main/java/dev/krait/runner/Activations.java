package dev.krait.runner;

import dev.krait.backend.Backend;
import dev.krait.model.ModelSpec;
import dev.krait.runner.mixer.SidePathExecutor.SideRows;
import dev.krait.tensor.Rows;
import java.util.Optional;

/// Rows of a step between the layers and at the head, planned once from the model and the limits.
public final class Activations {
  private final Optional<SideRows> side;
  private final Rows residual;
  private final Rows normed;
  private final Rows delta;
  private final Rows moreDelta;
  private final Rows gathered;
  private final Rows gatheredNormed;
  private final Rows logits;
  private final int outputRows;

  /// Memory for steps of up to `maxTokens` rows, of which `outputRows` at a time get logits.
  public Activations(Backend backend, ModelSpec spec, int maxTokens, int outputRows) {
    int hidden = spec.hiddenDim();
    this.outputRows = outputRows;
    side =
        spec.hasSidePaths()
            ? Optional.of(SideRows.allocate(backend, spec, maxTokens))
            : Optional.empty();
    residual = side.map(SideRows::residual).orElseGet(() -> rows(backend, maxTokens, hidden));
    normed = backend.allocateOperand(maxTokens, hidden);
    delta = rows(backend, maxTokens, hidden);
    moreDelta = rows(backend, hasMixersSideBySide(spec) ? maxTokens : 0, hidden);
    gathered = rows(backend, outputRows, hidden);
    gatheredNormed = backend.allocateOperand(outputRows, hidden);
    logits = rows(backend, outputRows, spec.headRows());
  }

  private static Rows rows(Backend backend, int count, int columns) {
    return Rows.of(backend.allocate((long) count * columns), columns);
  }

  private static boolean hasMixersSideBySide(ModelSpec spec) {
    return spec.layers().stream()
        .anyMatch(layer -> layer.stream().anyMatch(block -> block.mixers().size() > 1));
  }

  /// Rows that get logits at a time.
  public int outputRows() {
    return outputRows;
  }

  /// Rows of side paths, which hold the residual stream, too.
  Optional<SideRows> side() {
    return side;
  }

  Rows residual() {
    return residual;
  }

  Rows normed() {
    return normed;
  }

  /// What the mixers of a block add to the residual stream.
  Rows delta() {
    return delta;
  }

  /// What a mixer that is not the first of its block adds to [#delta]; empty in a model without.
  Rows moreDelta() {
    return moreDelta;
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
