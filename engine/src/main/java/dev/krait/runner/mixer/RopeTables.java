package dev.krait.runner.mixer;

import dev.krait.backend.Backend;
import dev.krait.backend.Ops;
import dev.krait.backend.RopeAngles;
import dev.krait.backend.StepInputs;
import dev.krait.model.Rope;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;

/// Angles of a step's rows, one table for each different rotary embedding of a model.
public final class RopeTables {
  private final Backend backend;
  private final int maxTokens;
  private final List<RopeAngles> tables = new ArrayList<>();

  /// No table yet, and memory for up to `maxTokens` rows in each to come.
  public RopeTables(Backend backend, int maxTokens) {
    this.backend = backend;
    this.maxTokens = maxTokens;
  }

  /// The table of a rotary embedding.
  RopeAngles angles(Rope rope) {
    for (RopeAngles table : tables) {
      if (table.rope().equals(rope)) {
        return table;
      }
    }
    RopeAngles table = new RopeAngles(rope, rows(rope), rows(rope));
    tables.add(table);
    return table;
  }

  private Rows rows(Rope rope) {
    return Rows.of(backend.allocate((long) maxTokens * rope.pairs()), rope.pairs());
  }

  /// Computes all tables for the positions of a step.
  public void compute(Ops ops, StepInputs step) {
    for (int i = 0; i < tables.size(); i++) {
      ops.ropeAngles(tables.get(i), step);
    }
  }
}
