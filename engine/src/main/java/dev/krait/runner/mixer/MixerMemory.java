package dev.krait.runner.mixer;

import dev.krait.backend.Ops;
import dev.krait.tensor.Rows;

/// What an executor is bound to beside its weights.
///
/// @param ops the operations
/// @param caches where a layer gets its cache from
/// @param scratch memory that all executors share
/// @param ropes angles that attention layers with the same rotary embedding share
/// @param input the normalised rows that are read `[tokens, hiddenDim]`
/// @param output where the result goes `[tokens, hiddenDim]`
public record MixerMemory(
    Ops ops, CacheTensors caches, MixerScratch scratch, RopeTables ropes, Rows input, Rows output) {

  /// The same for a mixer between other rows.
  MixerMemory between(Rows in, Rows out) {
    return new MixerMemory(ops, caches, scratch, ropes, in, out);
  }
}
