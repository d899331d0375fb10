package dev.krait.loading;

import dev.krait.backend.Backend;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;

/// A model in a backend's memory.
///
/// @param spec what it is
/// @param weights its weights
/// @param backend where they are
/// @param weightBytes bytes of all weights in memory
public record LoadedModel(
    ModelSpec spec, ModelWeights weights, Backend backend, long weightBytes) {}
