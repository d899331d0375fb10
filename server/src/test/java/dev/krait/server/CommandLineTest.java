package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.SpeculationMode;
import dev.krait.error.EngineException;
import dev.krait.server.testing.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;

class CommandLineTest {
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final StringWriter errors = new StringWriter();

  private int run(Map<String, String> environment, String... arguments) {
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    return ServerMain.commandLine(out, out, environment)
        .setErr(new PrintWriter(errors, true))
        .execute(arguments);
  }

  private String written() {
    return written.toString(StandardCharsets.UTF_8);
  }

  @Test
  void printsItsVersion() {
    assertThat(run(Map.of(), "version")).isZero();
    assertThat(written()).startsWith("krait ").doesNotContain("$");
  }

  @Test
  void suggestsTheNearestOption() {
    assertThat(run(Map.of(), "serve", "--modle", "x")).isEqualTo(Exit.USAGE);
    assertThat(errors.toString()).contains("--model");
  }

  @Test
  void suggestsTheNearestCommand() {
    assertThat(run(Map.of(), "sevre")).isEqualTo(Exit.USAGE);
    assertThat(errors.toString()).contains("serve");
  }

  @Test
  void wantsACommand() {
    assertThat(run(Map.of())).isEqualTo(Exit.USAGE);
    assertThat(written()).contains("serve");
  }

  @Test
  void saysThatAModelIsMissing() {
    int code = run(Map.of(), "serve", "--model", "no-such-folder", "--port", "0");
    assertThat(code).isEqualTo(Exit.FAILED);
    assertThat(written()).contains("no-such-folder");
  }

  @Test
  void saysThatAPortIsTaken() {
    try (TestServer other = TestServer.start()) {
      String port = Integer.toString(other.server().port());
      int code = run(Map.of(), "serve", "--model", "no-such-folder", "--port", port);
      assertThat(code).isEqualTo(Exit.PORT_TAKEN);
      assertThat(written()).contains("port: " + port);
    }
  }

  @Test
  void generatesInTheTerminal() {
    String model = TestServer.modelFolder().toString();
    int code =
        run(
            Map.of(),
            "generate",
            "--model",
            model,
            "--speculation",
            "off",
            "--prompt",
            "Once upon a time",
            "--max-tokens",
            "8",
            "--temperature",
            "0");
    assertThat(code).isZero();
    assertThat(written()).startsWith(", there was").endsWith(System.lineSeparator());
  }

  @Test
  void servesOneRequestToWarmUp() {
    String model = TestServer.modelFolder().toString();
    int code =
        run(
            Map.of("KRAIT_GRPC_PORT", "0"),
            "serve",
            "--model",
            model,
            "--speculation",
            "off",
            "--port",
            "0",
            "--warm-up");
    assertThat(code).as(written()).isZero();
    assertThat(written())
        .contains("ready in")
        .contains("http://127.0.0.1:")
        .contains("gRPC on")
        .contains("cache:")
        .contains("sequences of")
        .contains("curl -N");
  }

  private static final class Options {
    @Mixin private final ModelOptions model = new ModelOptions();
  }

  private static EngineConfig config(String... arguments) {
    Options options = new Options();
    new CommandLine(options)
        .registerConverter(ByteSize.class, ByteSize::parse)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .parseArgs(arguments);
    return options.model.engine();
  }

  @Test
  void hasDefaultsForAModelFolder() {
    EngineConfig config = config("--model", "somewhere");
    assertThat(config).isEqualTo(EngineConfig.of(Path.of("somewhere")));
  }

  @Test
  void mapsEveryOption() {
    EngineConfig config =
        config(
            "--model",
            "m",
            "--draft-model",
            "d",
            "--max-draft-tokens",
            "7",
            "--draft-tokens",
            "3",
            "--backend",
            "reference",
            "--threads",
            "2",
            "--max-sequences",
            "5",
            "--max-tokens-per-step",
            "64",
            "--max-waiting",
            "9",
            "--max-model-len",
            "100",
            "--cache-memory",
            "1.5GiB",
            "--prefix-caching",
            "off",
            "--weights",
            "bf16");
    assertThat(config.speculation()).isEqualTo(SpeculationMode.DRAFT);
    assertThat(config.draftFolder()).contains(Path.of("d"));
    assertThat(config.maxDraftTokens()).isEqualTo(7);
    assertThat(config.draftTokens()).hasValue(3);
    assertThat(config.backend()).isEqualTo("reference");
    assertThat(config.threads()).hasValue(2);
    assertThat(config.maxSequences()).isEqualTo(5);
    assertThat(config.maxTokensPerStep()).isEqualTo(64);
    assertThat(config.maxWaiting()).isEqualTo(9);
    assertThat(config.maxModelTokens()).hasValue(100);
    assertThat(config.cacheBytes()).hasValue(3L << 29);
    assertThat(config.prefixCaching()).isFalse();
  }

  @Test
  void speculationCanBeTurnedOffOrToLookup() {
    assertThat(config("--draft-model", "d", "--speculation", "off").speculation())
        .isEqualTo(SpeculationMode.OFF);
    assertThat(config("--model", "m", "--speculation", "ngram").speculation())
        .isEqualTo(SpeculationMode.NGRAM);
    assertThatThrownBy(() -> config("--model", "m", "--speculation", "draft"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("draft-model");
  }

  @ParameterizedTest
  @CsvSource({
    "4096, 4096",
    "4k, 4000",
    "8GiB, 8589934592",
    "512 MiB, 536870912",
    "1.5gb, 1500000000",
    "2Ti, 2199023255552",
  })
  void readsSizes(String text, long bytes) {
    assertThat(ByteSize.parse(text).bytes()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "many", "-1", "8 apples", "GiB", "1e9"})
  void refusesWhatIsNoSize(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(EngineException.class);
  }

  @Test
  void exitCodesDiffer() {
    assertThat(
            List.of(
                Exit.OK,
                Exit.FAILED,
                Exit.USAGE,
                Exit.PORT_TAKEN,
                Exit.ENGINE_FAILED,
                Exit.BROKEN_OFF))
        .doesNotHaveDuplicates();
  }
}
