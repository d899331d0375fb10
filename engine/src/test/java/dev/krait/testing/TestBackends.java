package dev.krait.testing;

import static org.assertj.core.api.Assumptions.assumeThat;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.NumericMode;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import dev.krait.tensor.Buffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/// The backends that tests of models and operations run on: `-Dkrait.test.backends=cuda,cuda:bf16`
/// names others, with a numeric mode behind the colon.
public final class TestBackends {
  private static final int THREADS = 2;

  private TestBackends() {}

  /// Their names, the one that matters most last.
  public static List<String> names() {
    return List.of(System.getProperty("krait.test.backends", "reference,cpu").split(","));
  }

  /// Opens one of them.
  public static Backend open(String name) {
    int colon = name.indexOf(':');
    NumericMode mode =
        colon < 0
            ? NumericMode.EXACT
            : NumericMode.valueOf(name.substring(colon + 1).toUpperCase(Locale.ROOT));
    String backend = colon < 0 ? name : name.substring(0, colon);
    return Backends.select(backend, OptionalInt.of(THREADS), mode::equals).backend();
  }

  /// Skips a test of a model that a backend refuses to load.
  public static void assumeComputes(Backend backend, Path folder) {
    try (ModelLoader loader = ModelLoader.open(folder)) {
      assumeThat(loader.spec().mixers().flatMap(mixer -> backend.missing(mixer).stream()))
          .as("what %s lacks", backend.name())
          .isEmpty();
    }
  }

  /// The type of weights that a backend's numeric mode takes.
  public static StoredType weights(Backend backend) {
    return switch (backend.numericMode()) {
      case EXACT -> StoredType.STORED;
      case BF16 -> StoredType.BF16;
    };
  }

  /// Everything in a buffer, wherever it is.
  public static float[] content(Buffer buffer) {
    float[] content = new float[Math.toIntExact(buffer.elements())];
    buffer.read(0, content);
    return content;
  }

  /// Opens the one that matters most.
  public static Backend open() {
    return open(names().getLast());
  }
}
