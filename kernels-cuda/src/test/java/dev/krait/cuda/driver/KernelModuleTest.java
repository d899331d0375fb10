package dev.krait.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What the build leaves on the class path, on any machine; without an nvcc there is nothing to
/// see.
class KernelModuleTest {
  private static final Pattern ENTRY = Pattern.compile("Compiling entry function '(\\w+)'");

  @ParameterizedTest
  @ValueSource(ints = {80, 86, 87, 89, 90})
  void knowsTheCodeOfACapability(int capability) {
    assumeThat(KernelModuleTest.class.getResource("/dev/krait/cuda/kernels.hash")).isNotNull();

    assertThat(KernelModule.isCompiledFor(capability)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {60, 75, 100, 120})
  void hasNoneForOthers(int capability) {
    assertThat(KernelModule.isCompiledFor(capability)).isFalse();
  }

  /// The Java side compares its parameters with this constant at every launch.
  @ParameterizedTest
  @ValueSource(strings = {"sm_80", "sm_86", "sm_90a"})
  void everyEntryExportsTheSizeOfItsParameters(String architecture) throws Exception {
    var hash = KernelModuleTest.class.getResource("/dev/krait/cuda/kernels.hash");
    assumeThat(hash).isNotNull();
    Path folder = Path.of(hash.toURI()).resolveSibling(architecture);

    assertThat(files(folder, ".cubin"))
        .hasSizeGreaterThan(8)
        .allSatisfy(cubin -> {
          String code = read(cubin);
          String report = read(cubin.resolveSibling(cubin.getFileName() + ".log"));
          List<String> entries =
              ENTRY.matcher(report).results().map(match -> match.group(1)).toList();
          assertThat(entries).as("entries of %s", cubin).isNotEmpty();
          assertThat(entries).allSatisfy(entry -> assertThat(code).contains(entry + "_params"));
        });
  }

  private static List<Path> files(Path folder, String ending) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(file -> file.toString().endsWith(ending)).toList();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
