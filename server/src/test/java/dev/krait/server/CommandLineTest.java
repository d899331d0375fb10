package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.SpeculationMode;
import dev.krait.error.EngineException;
import dev.krait.server.testing.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
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

  @ParameterizedTest
  @ValueSource(strings = {"--version", "-V", "serve -V", "generate --version"})
  void everyCommandPrintsTheVersionWhenAsked(String arguments) {
    StringWriter asked = new StringWriter();
    int code =
        ServerMain.commandLine(System.out, System.err, Map.of("KRAIT_NONSENSE", "1"))
            .setOut(new PrintWriter(asked, true))
            .execute(arguments.split(" "));
    assertThat(code).isZero();
    assertThat(asked.toString().strip()).matches("krait \\d+\\.\\d+\\S*");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          serve --modle x | unknown option --modle (nearest: --model); see krait serve --help
          serve --max-sequence 3 | unknown option --max-sequence (nearest: --max-sequences); see
          serve --port x | Invalid value for option '--port': 'x' is not an int; see krait serve --help
          serve --prot=8001 | unknown option --prot=8001 (nearest: --port); see krait serve --help
          serve a b | unexpected argument b; see krait serve --help
          generate m | Missing required option: '--prompt=TEXT'; see krait generate --help
          serve --weights fp8 | STORED, BF16, FP32
          sevre | unexpected argument sevre (nearest: serve); see krait --help
          """)
  void aWrongArgumentIsOneLine(String arguments, String message) {
    assertThat(run(Map.of(), arguments.split(" "))).isEqualTo(Exit.USAGE);
    assertThat(errors.toString()).startsWith("krait: ").contains(message).hasLineCount(1);
    assertThat(written()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "KRAIT_APIKEY, x, KRAIT_API_KEY",
    "KRAIT_API_KEYS, x, KRAIT_API_KEY",
    "KRAIT_PROT, 8001, KRAIT_PORT",
    "KRAIT_MAX_SEQUENCE, 3, KRAIT_MAX_SEQUENCES",
    "KRAIT_HELP, true, KRAIT_H",
    "KRAIT_VERSION, 1, KRAIT_",
    "KRAIT_LOG, nonsense, KRAIT_LOG: nonsense (expected: one of [DEBUG"
  })
  void aVariableThatNobodyReadsStopsTheStart(String variable, String value, String hint) {
    int code = run(Map.of(variable, value), "serve", "--model", "no-such-folder", "--port", "0");
    assertThat(code).isEqualTo(Exit.USAGE);
    assertThat(written()).startsWith("krait: " + variable + ": ").contains(hint).hasLineCount(1);
  }

  @Test
  void variablesOfTheScriptAndEmptyOnesAreFine() {
    Map<String, String> environment =
        Map.of(
            "KRAIT_JAVA_OPTIONS",
            "-Xmx1g",
            "KRAIT_LOG",
            "debug",
            "KRAIT_NONSENSE",
            " ",
            "PORT",
            "x");
    run(environment, "serve", "--model", "no-such-folder", "--port", "0", "--grpc-port", "0");
    assertThat(written()).startsWith("krait: no-such-folder").hasLineCount(1);
  }

  @Test
  void variablesOfAServiceAreIgnoredAndSaid() {
    Map<String, String> service =
        Map.ofEntries(
            Map.entry("KRAIT_PORT", "tcp://10.96.12.7:8000"),
            Map.entry("KRAIT_SERVICE_HOST", "10.96.12.7"),
            Map.entry("KRAIT_SERVICE_PORT", "8000"),
            Map.entry("KRAIT_SERVICE_PORT_HTTP", "8000"),
            Map.entry("KRAIT_PORT_8000_TCP", "tcp://10.96.12.7:8000"),
            Map.entry("KRAIT_PORT_8000_TCP_PROTO", "tcp"),
            Map.entry("KRAIT_PORT_8000_TCP_PORT", "8000"),
            Map.entry("KRAIT_PORT_8000_TCP_ADDR", "10.96.12.7"),
            Map.entry("KRAIT_GRPC_PORT", "tcp://10.96.12.8:50051"),
            Map.entry("KRAIT_GRPC_SERVICE_HOST", "10.96.12.8"),
            Map.entry("KRAIT_GRPC_SERVICE_PORT", "50051"),
            Map.entry("KRAIT_GRPC_PORT_50051_TCP_ADDR", "10.96.12.8"));

    // The usual ports may be taken here, so others are asked for.
    int code =
        run(service, "serve", "--model", "no-such-folder", "--port", "0", "--grpc-port", "0");

    assertThat(code).isEqualTo(Exit.FAILED);
    assertThat(written().lines().toList())
        .satisfiesExactly(
            line -> assertThat(line).startsWith("krait: ignored").contains(service.keySet()),
            line -> assertThat(line).contains("no-such-folder"));
  }

  @ParameterizedTest
  @CsvSource({
    "KRAIT_PORT, x, 'is not an int (from KRAIT_PORT)'",
    "KRAIT_MAX_BODY, much, '(from KRAIT_MAX_BODY)'",
    "KRAIT_CACHE_MEMORY, 9999999TiB, 'less than 8 EiB'"
  })
  void aValueThatCannotBeReadNamesItsVariable(String variable, String value, String message) {
    assertThat(run(Map.of(variable, value), "serve", "--model", "x")).isEqualTo(Exit.USAGE);
    assertThat(errors.toString()).contains(message).contains("from " + variable).hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource({
    "KRAIT_MAX_SEQUENCES, 0, 'max-sequences: 0 (expected: 1 to 4096) (from KRAIT_MAX_SEQUENCES)'",
    "KRAIT_MAX_BODY, 9TiB, 'max-body: 9895604649984 (expected: at most 2147483647 bytes) (from'"
  })
  void aValueThatIsRefusedNamesItsVariable(String variable, String value, String message) {
    int code = run(Map.of(variable, value), "serve", "--model", "x", "--port", "0");
    assertThat(code).isEqualTo(Exit.FAILED);
    assertThat(written()).startsWith("krait: " + message).hasLineCount(1);
  }

  @Test
  void refusalsOfServeAreNotMixedWithItsOutput() {
    ByteArrayOutputStream notes = new ByteArrayOutputStream();
    int code =
        ServerMain.commandLine(
                new PrintStream(written, true, StandardCharsets.UTF_8),
                new PrintStream(notes, true, StandardCharsets.UTF_8),
                Map.of())
            .execute("serve", "--model", "no-such-folder", "--port", "0", "--grpc-port", "0");
    assertThat(code).isEqualTo(Exit.FAILED);
    assertThat(written()).isEmpty();
    assertThat(notes.toString(StandardCharsets.UTF_8)).contains("no-such-folder");
  }

  @Test
  void theModelMayStandAlone() {
    assertThat(config("somewhere").modelFolder()).isEqualTo(Path.of("somewhere"));
    assertThat(config("--model", "a", "a").modelFolder()).isEqualTo(Path.of("a"));
    assertThatThrownBy(() -> config("--model", "a", "b"))
        .isInstanceOf(EngineException.class)
        .hasMessage("model: a and b (expected: one model)");
  }

  @Test
  void aModelOnTheCommandLineCountsBeforeThatOfAVariable() {
    run(
        Map.of("KRAIT_MODEL", "other"),
        "serve",
        "no-such-folder",
        "--port",
        "0",
        "--grpc-port",
        "0");
    assertThat(written()).startsWith("krait: no-such-folder: ");
  }

  @Test
  void aMissingTokenizerIsSaidBeforeWeightsAreLoaded(@TempDir Path folder) throws IOException {
    for (String file : List.of("config.json", "model.safetensors", "mamba_config.json")) {
      Files.copy(TestServer.modelFolder().resolve(file), folder.resolve(file));
    }
    for (String command : List.of("serve --port 0 --grpc-port 0", "generate --prompt x")) {
      written.reset();
      List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
      arguments.addAll(List.of("--model", folder.toString(), "--speculation", "off"));
      assertThat(run(Map.of(), arguments.toArray(String[]::new))).isEqualTo(Exit.FAILED);
      assertThat(written()).contains("tokenizer.json: missing").hasLineCount(1);
    }
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
        .containsPattern("(?m)^ *http://127\\.0\\.0\\.1:\\d+$")
        .containsPattern("(?m)^krait: \\S+ ready in .{1,60}$")
        .contains("gRPC on")
        .contains("backend: cpu")
        .contains("cache:")
        .contains("sequences of")
        .contains("curl -N");
  }

  private static final class Options {
    @Mixin
    private final ModelOptions model =
        new ModelOptions(offline -> {
          throw new AssertionError("no hub is needed");
        });
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
  void limitsThatAreNotNamedAreThoseOfTheBackend() {
    EngineConfig processors = config("--backend", "reference");
    EngineConfig gpu = config("--backend", "cuda", "--max-sequences", "32");

    assertThat(processors.maxSequences()).isEqualTo(64);
    assertThat(processors.maxTokensPerStep()).isEqualTo(512);
    assertThat(gpu.maxSequences()).isEqualTo(32);
    assertThat(gpu.maxTokensPerStep()).isEqualTo(2048);
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
