package dev.krait.cuda;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// Kernels that are taken wherever they can be, not only where they are the fastest of those that
/// give the same bits: the system property `krait.cuda.kernels` names them, separated by commas. So
/// a test meets each kernel with every shape.
final class ForcedKernels {
  private static final String PROPERTY = "krait.cuda.kernels";

  private final List<String> wanted;
  private final Set<String> alternatives = new TreeSet<>();

  private ForcedKernels(List<String> wanted) {
    this.wanted = wanted;
  }

  static ForcedKernels ofProperty() {
    String names = System.getProperty(PROPERTY, "");
    return new ForcedKernels(names.isEmpty() ? List.of() : List.of(names.split(",")));
  }

  /// Whether a kernel to which there are alternatives is forced.
  boolean has(String kernel) {
    alternatives.add(kernel);
    return wanted.contains(kernel);
  }

  /// Every kernel that was asked about.
  List<String> alternatives() {
    return List.copyOf(alternatives);
  }

  /// Refuses names that nobody asked about.
  void requireKnown() {
    for (String name : wanted) {
      if (!alternatives.contains(name)) {
        throw EngineException.invalidArgument(
            PROPERTY, name, "one of " + String.join(", ", alternatives));
      }
    }
  }
}
