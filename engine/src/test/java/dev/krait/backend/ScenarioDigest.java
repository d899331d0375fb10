package dev.krait.backend;

import dev.krait.backend.OpScenarios.Scenario;
import dev.krait.backend.cpu.CpuBackend;
import java.util.Arrays;
import java.util.List;

/// Prints a hash of what every scenario gives on the CPU backend; started by [VectorWidthTest] on
/// JVMs of other widths.
final class ScenarioDigest {
  private ScenarioDigest() {}

  /// Runs every scenario whose number is a multiple of the argument.
  public static void main(String[] args) {
    int every = Integer.parseInt(args[0]);
    try (CpuBackend backend = CpuBackend.open(1)) {
      System.out.println(backend.describe());
      List<Scenario> all = OpScenarios.all();
      for (int i = 0; i < all.size(); i += every) {
        int hash = 0;
        for (float[] output : all.get(i).run(backend)) {
          hash = 31 * hash + Arrays.hashCode(output);
        }
        System.out.println(all.get(i).name() + " " + Integer.toHexString(hash));
      }
    }
  }
}
