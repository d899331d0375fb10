package dev.krait.runner;

import dev.krait.backend.reference.ReferenceBackend;
import java.nio.file.Path;
import java.util.Arrays;

/// A model's logits behind any tokens, computed from nothing by the reference backend.
public final class NextTokenLogits implements AutoCloseable {
  private final ReferenceBackend backend = new ReferenceBackend();
  private final SteppedModel bench;

  private NextTokenLogits(Path folder) {
    bench = new SteppedModel(folder, backend, 1, 64, 64);
  }

  /// Loads a model.
  public static NextTokenLogits open(Path folder) {
    return new NextTokenLogits(folder);
  }

  /// Logits of the token behind a prompt and its output.
  public float[] logits(int[] prompt, int... output) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + output.length);
    System.arraycopy(output, 0, ids, prompt.length, output.length);
    return bench.chunk(bench.memory(0), ids, 0, ids.length).getLast();
  }

  @Override
  public void close() {
    bench.close();
    backend.close();
  }
}
