package dev.krait.backend;

import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Rope;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.List;
import java.util.Optional;

/// Attention over permuted blocks of a pool that is larger than needed.
final class AttentionRig extends SequenceRig {
  private final Attention attention;
  private final KvCache cache;
  private final int maxBlocks;
  private final int poolBlocks;

  /// Whether queries and keys are rotated, in one call with the rest.
  boolean fused;

  AttentionRig(OpRig bench, Attention attention, int blockTokens, int sequences, int length) {
    super(bench, sequences, length, attention.heads() * attention.headDim());
    this.attention = attention;
    maxBlocks = (length + blockTokens - 1) / blockTokens;
    int spare = sequences * maxBlocks + 3;
    poolBlocks = spare % 7 == 0 ? spare + 1 : spare;
    int elements = poolBlocks * attention.kvHeads() * attention.headDim() * blockTokens;
    cache = new KvCache(bench.buffer(elements, 9), bench.buffer(elements, 9), blockTokens);
    addInput(attention.heads() * attention.headDim(), 2);
    addInput(attention.kvHeads() * attention.headDim(), 2);
    addInput(attention.kvHeads() * attention.headDim(), 2);
  }

  @Override
  int maxBlocks() {
    return maxBlocks;
  }

  @Override
  void place(StepInputs step, int index, int sequence) {
    for (int b = 0; b < maxBlocks; b++) {
      int block = (sequence * maxBlocks + b) * 7 % poolBlocks;
      step.blockTable[index * maxBlocks + b] = block;
    }
  }

  @Override
  void compute(Rows dst, List<Rows> inputs, StepInputs step) {
    Optional<RopeAngles> angles = attention.rope().map(rope -> angles(rope, step));
    AttentionArgs args =
        new AttentionArgs(
            dst, inputs.get(0), inputs.get(1), inputs.get(2), angles, cache, attention);
    if (fused) {
      bench.ops().ropeWriteKvAttend(args, step);
    } else {
      bench.ops().writeKv(args, step);
      bench.ops().attend(args, step);
    }
  }

  private RopeAngles angles(Rope rope, StepInputs step) {
    Rows cos = bench.rows(step.tokens, rope.pairs(), 0);
    Rows sin = bench.rows(step.tokens, rope.pairs(), 0);
    RopeAngles angles = new RopeAngles(rope, cos, sin);
    bench.ops().ropeAngles(angles, step);
    return angles;
  }

  @Override
  List<Buffer> memory() {
    return List.of(cache.keys(), cache.values());
  }
}
