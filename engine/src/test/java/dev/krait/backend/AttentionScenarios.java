package dev.krait.backend;

import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.backend.SequenceRig.Span;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Rope;
import java.util.List;

/// Attention in many shapes.
final class AttentionScenarios {
  private AttentionScenarios() {}

  static Attention attention(int heads, int kvHeads, int headDim, int window) {
    Rope rope = new Rope(headDim, 10_000, new Rope.Scaling.None());
    return Attention.of(heads, kvHeads, headDim).withRope(rope).withWindow(window);
  }

  static void add(List<Scenario> all) {
    for (int block : new int[] {1, 3, 8, 16, 32, 64}) {
      all.add(scenario(attention(4, 2, 32, 0), block, 70));
      all.add(scenario(attention(4, 2, 32, 9), block, 70));
    }
    for (int length : new int[] {1, 2, 15, 16, 17, 31, 33, 300}) {
      all.add(scenario(attention(2, 1, 16, 0), 16, length));
      all.add(scenario(attention(2, 1, 16, 20), 16, length));
    }
    for (int headDim : new int[] {2, 6, 8, 18, 24, 34, 64, 80, 128}) {
      all.add(scenario(attention(3, 3, headDim, 0), 16, 40));
    }
    wholes(all);
  }

  /// The rotation, the write and attention in one call: all of a head, a part of it or nothing
  /// turns, and the scale is another.
  private static void wholes(List<Scenario> all) {
    for (int dim : new int[] {0, 6, 16, 34}) {
      Attention plain = Attention.of(4, 2, 34).withScale(0.3);
      Rope rope = new Rope(Math.max(2, dim), 10_000, new Rope.Scaling.None());
      Attention attention = dim == 0 ? plain : plain.withRope(rope);
      all.add(
          new Scenario(
              "rope of " + dim + " of 34, keys and values, attend with scale 0.3",
              OpScenarios.ATTENTION,
              bench -> {
                AttentionRig rig = new AttentionRig(bench, attention, 16, 3, 21);
                rig.fused = true;
                rig.step(List.of(Span.plain(2, 0, 21), Span.plain(0, 0, 21)));
                rig.memory().forEach(bench::collect);
                bench.collect(bench.bufferOf(rig.output()));
              }));
    }
  }

  private static Scenario scenario(Attention attention, int block, int length) {
    String name =
        "attend heads %d/%d of %d, window %d, block %d, length %d"
            .formatted(
                attention.heads(),
                attention.kvHeads(),
                attention.headDim(),
                attention.window(),
                block,
                length);
    return new Scenario(
        name,
        OpScenarios.ATTENTION,
        bench -> {
          AttentionRig rig = new AttentionRig(bench, attention, block, 3, length);
          rig.step(List.of(Span.plain(2, 0, length), Span.plain(0, 0, length)));
          rig.memory().forEach(bench::collect);
          bench.collect(bench.bufferOf(rig.output()));
        });
  }
}
