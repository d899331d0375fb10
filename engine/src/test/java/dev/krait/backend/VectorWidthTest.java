package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.testing.Requirement;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Other vector widths and compilers give the same bits: JVMs of their own run the scenarios and
/// print hashes.
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VectorWidthTest {
  /// A prime, so that the scenarios of every operation are met in all their sizes.
  private static final String EVERY = "7";

  private List<String> expected = List.of();

  @BeforeAll
  void runAtOneWidth() throws IOException, InterruptedException {
    expected = digest("-Dkrait.vector-bits=128");
    assertThat(expected).hasSizeGreaterThan(50);
  }

  @ParameterizedTest
  @ValueSource(strings = {"64", "256", "512"})
  void everyWidthGivesTheSameBits(String bits) throws IOException, InterruptedException {
    List<String> actual = digest("-Dkrait.vector-bits=" + bits);
    assertThat(actual.getFirst())
        .contains(bits + "-bit")
        .as("why products are not in machine code, and pages not large")
        .contains("products in Java (the JVM was started without --enable-native-access")
        .contains("small pages (the JVM was started without --enable-native-access");
    assertSame(actual);
  }

  /// Without native access products run on the Vector API, with it in machine code if the processor
  /// has the instructions.
  @ParameterizedTest
  @CsvSource({"256, AVX2, avx2", "512, AVX512, avx512f"})
  void machineCodeGivesTheSameBits(String bits, Requirement needed, String flag)
      throws IOException, InterruptedException {
    needed.orSkip(Requirement.missingProcessorFlag(flag));
    List<String> actual =
        digest("-Dkrait.vector-bits=" + bits, "--enable-native-access=ALL-UNNAMED");
    assertThat(actual.getFirst()).contains(bits + "-bit vectors, products in machine code");
    assertSame(actual);
  }

  @Test
  void machineCodeCanBeSwitchedOff() throws IOException, InterruptedException {
    List<String> actual =
        digest("-Dkrait.machine-code=false", "--enable-native-access=ALL-UNNAMED");
    assertThat(actual.getFirst()).contains("products in Java (krait.machine-code is false)");
    assertSame(actual);
  }

  @Test
  void theFirstCompilerAloneGivesTheSameBits() throws IOException, InterruptedException {
    assertSame(digest("-XX:TieredStopAtLevel=1"));
  }

  @Test
  void eagerCompilationGivesTheSameBits() throws IOException, InterruptedException {
    assertSame(digest("-XX:-TieredCompilation"));
  }

  private void assertSame(List<String> actual) {
    assertThat(actual.subList(1, actual.size())).isEqualTo(expected.subList(1, expected.size()));
  }

  private static List<String> digest(String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector", "-Xmx512m"));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(ScenarioDigest.class.getName(), EVERY));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    List<String> lines = process.inputReader().lines().toList();
    assertThat(process.waitFor()).isZero();
    return lines;
  }
}
