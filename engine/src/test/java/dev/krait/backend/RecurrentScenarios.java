package dev.krait.backend;

import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.backend.SequenceRig.Span;
import dev.krait.model.Activation;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import java.util.List;

/// Convolutions and scans in many shapes, with every kind of token in a step.
final class RecurrentScenarios {
  private RecurrentScenarios() {}

  /// Mixers whose sizes miss, meet and exceed a vector, with and without groups and repeats.
  static List<Mixer> mixers() {
    return List.of(
        new Mamba1(1, 1, 1, 1, 1, 1, 1, true),
        new Mamba1(7, 7, 3, 4, 1, 1, 1, true),
        new Mamba1(64, 64, 16, 4, 4, 1, 1, true),
        new Mamba1(150, 150, 16, 4, 4, 1, 1, true),
        new Mamba1(128, 64, 16, 4, 4, 4, 8, false),
        new Mamba1(96, 32, 8, 3, 4, 2, 6, false),
        new Mamba1(60, 20, 5, 2, 4, 4, 12, false),
        new Mamba2(1, 1, 1, 1, 1, 1, 1, 1, 1e-5f),
        new Mamba2(2, 64, 128, 2, 1, 1, 4, 1, 1e-5f),
        new Mamba2(8, 16, 16, 4, 2, 4, 4, 2, 1e-5f),
        new Mamba2(6, 10, 7, 2, 3, 6, 3, 1, 1e-5f),
        new Mamba2(3, 80, 33, 3, 3, 1, 4, 1, 1e-5f),
        new GatedDeltaNet(1, 1, 1, 1, 1, 1, 0, Activation.SILU, 1e-5f),
        new GatedDeltaNet(2, 6, 16, 16, 4, 1, 0, Activation.SILU, 1e-5f),
        new GatedDeltaNet(4, 4, 12, 24, 4, 2, 0, Activation.SILU, 1e-5f),
        new GatedDeltaNet(1, 2, 64, 70, 4, 1, 0, Activation.SILU, 1e-5f),
        new GatedDeltaNet(3, 3, 17, 33, 3, 1, 17, Activation.SIGMOID, 1e-5f));
  }

  static void add(List<Scenario> all) {
    for (Mixer mixer : mixers()) {
      for (int length : new int[] {1, 2, 3, 40}) {
        all.add(
            new Scenario(
                "scan " + mixer + " length " + length,
                OpScenarios.SCAN,
                bench -> {
                  RecurrentRig rig = new RecurrentRig(bench, mixer, 3, length);
                  rig.step(List.of(Span.plain(1, 0, length), Span.plain(0, 0, length)));
                  collect(bench, rig);
                }));
      }
      all.add(
          new Scenario(
              "scan with replay " + mixer,
              OpScenarios.SCAN,
              bench -> {
                RecurrentRig rig = new RecurrentRig(bench, mixer, 3, 24);
                replay(rig);
                collect(bench, rig);
              }));
    }
  }

  /// Direct, windowed, folded, held and rejected tokens, and a flush.
  private static void replay(RecurrentRig rig) {
    rig.step(
        List.of(
            new Span(0, 0, 5, 2, 0, 0, false),
            new Span(1, 0, 3, 0, 0, 0, false),
            Span.plain(2, 0, 4)));
    rig.step(
        List.of(
            new Span(1, 3, 2, 0, 1, 2, false),
            new Span(2, 4, 4, 1, 0, 0, true),
            new Span(0, 5, 3, 0, 2, 1, false)));
    rig.step(List.of(new Span(2, 6, 2, 0, 1, 0, false), new Span(1, 5, 0, 0, 4, 0, false)));
  }

  private static void collect(OpRig bench, RecurrentRig rig) {
    rig.allMemory().forEach(bench::collect);
    bench.collect(bench.bufferOf(rig.output()));
  }
}
