package dev.krait.engine;

/// Who proposes draft tokens.
public enum SpeculationMode {
  /// Nobody.
  OFF,
  /// Prompt lookup: what followed the same tokens earlier in the sequence.
  NGRAM,
  /// A small model with the same vocabulary.
  DRAFT
}
