package dev.krait.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.opentest4j.TestAbortedException;

/// What a test needs that a machine may lack.
///
/// Without it the test is skipped and the reason is part of the report. The system property
/// `krait.require`, names with commas between them, says what the machine has: a test that lacks it
/// fails instead.
public enum Requirement {
  /// A GPU that the CUDA backend takes.
  CUDA,
  /// Kernels of the CUDA backend, compiled by an nvcc.
  KERNELS,
  /// A processor with AVX2 and FMA.
  AVX2,
  /// A processor with the parts of AVX-512 that every such server has.
  AVX512;

  private static final String PROPERTY = "krait.require";

  /// Skips or fails the running test when there is a reason why what it needs is missing.
  public void orSkip(Optional<String> missing) {
    orSkip(missing, required(System.getProperty(PROPERTY, "")));
  }

  void orSkip(Optional<String> missing, Set<Requirement> required) {
    if (missing.isEmpty()) {
      return;
    }
    String reason = "needs " + this + ": " + missing.get();
    if (required.contains(this)) {
      throw new AssertionError(reason + " (but " + PROPERTY + " says that it is here)");
    }
    throw new TestAbortedException(reason);
  }

  /// The requirements that a value of the property names.
  static Set<Requirement> required(String names) {
    EnumSet<Requirement> required = EnumSet.noneOf(Requirement.class);
    for (String name : names.split(",", -1)) {
      if (!name.isBlank()) {
        required.add(named(name.strip()));
      }
    }
    return required;
  }

  private static Requirement named(String name) {
    return Arrays.stream(values())
        .filter(each -> each.toString().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new AssertionError(
                PROPERTY
                    + ": "
                    + name
                    + " (expected: "
                    + Arrays.stream(values()).map(String::valueOf).collect(Collectors.joining(", "))
                    + ")"));
  }

  /// Why the processor lacks a flag of `/proc/cpuinfo`; empty when it has it.
  public static Optional<String> missingProcessorFlag(String flag) {
    Path processors = Path.of("/proc/cpuinfo");
    try {
      boolean has =
          Files.exists(processors) && Files.readString(processors).contains(" " + flag + " ");
      return has ? Optional.empty() : Optional.of("the processor has no " + flag);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
