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
    return new Attention(heads, kvHeads, headDim, rope, window);
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
