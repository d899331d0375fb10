package dev.krait.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.testing.Requirement;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
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
  void knowsTheCodeOfACapability(int capability) throws Exception {
    kernels();

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
    Path folder = kernels().resolveSibling(architecture);

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

  /// A file beside the kernels; skips the test when none were compiled.
  private static Path kernels() throws URISyntaxException {
    URL hash = KernelModuleTest.class.getResource("/dev/krait/cuda/kernels.hash");
    Requirement.KERNELS.orSkip(
        hash == null ? Optional.of("no nvcc compiled any for this build") : Optional.empty());
    return Path.of(Objects.requireNonNull(hash).toURI());
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
