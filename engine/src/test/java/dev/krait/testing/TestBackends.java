package dev.krait.testing;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.tensor.Buffer;
import java.util.List;
import java.util.OptionalInt;

/// The backends that tests of models and operations run on: `-Dkrait.test.backends=cuda` names
/// others.
public final class TestBackends {
  private static final int THREADS = 2;

  private TestBackends() {}

  /// Their names, the one that matters most last.
  public static List<String> names() {
    return List.of(System.getProperty("krait.test.backends", "reference,cpu").split(","));
  }

  /// Opens one of them.
  public static Backend open(String name) {
    return Backends.select(name, OptionalInt.of(THREADS)).backend();
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
