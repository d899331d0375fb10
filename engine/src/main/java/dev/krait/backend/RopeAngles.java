package dev.krait.backend;

import dev.krait.model.Rope;
import dev.krait.tensor.Rows;

/// Cosines and sines of every row's position under one rotary embedding.
///
/// @param rope the embedding
/// @param cos `[tokens, pairs]`
/// @param sin `[tokens, pairs]`
public record RopeAngles(Rope rope, Rows cos, Rows sin) {}
