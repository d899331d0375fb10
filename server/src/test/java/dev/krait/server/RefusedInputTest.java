package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.TestServer;
import dev.krait.testing.DamagedModel;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Bad input on the command line ends with one line that names it, never with a stack trace.
class RefusedInputTest {
  private static final Path FIXTURE =
      Path.of(
          System.getProperty("krait.repo", ".."),
          "engine/src/test/resources/models/llama-gqa-rope3");

  @TempDir private Path temporary;

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

  private void assertRefused(int code, String part) {
    assertThat(code).as(written() + errors).isEqualTo(Exit.FAILED);
    assertThat(errors.toString()).isEmpty();
    assertThat(written()).startsWith("krait: ").contains(part).hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --drain-timeout | -5 | drain-timeout: -5 (expected: 0 seconds or more)
          --api-key | '' | api-key: empty (expected: a key
          --api-key | ' ' | api-key: empty (expected: a key
          --served-model-name | ' ' | served-model-name: [ ] (expected: names
          --max-model-len | 100000 | max-model-len: 100000 (expected: at most 2048
          --max-waiting | 2147483647 | max-waiting: 2147483647 (expected: 0 to 1048576)
          --client-share | 0 | client-share: 0 (expected: 1 to 100 percent)
          --max-connections | 2 | max-connections: 2 (expected: 16 or more)
          --body-memory | 1MiB | body-memory: 1048576 (expected: twice max-body, 8388608, or more)
          --host | localhost1 | host: localhost1, an unknown host (expected: a name or address
          --max-model-len | 0 | max-model-len: 0 (expected: 1 or more)
          --max-sequences | 2000000000 | max-sequences: 2000000000 (expected: 1 to 4096)
          --max-tokens-per-step | 2000000000 | max-tokens-per-step: 2000000000 (expected: 1 to
          --threads | 99999 | threads: 99999 (expected: 1 to 1024)
          --cache-memory | 1k | cache-memory: 1000 (expected: at least
          --port | 70000 | port: 70000 (expected: 0 to 65535)
          --max-body | 1 | max-body: 1 (expected: 1024 bytes or more)
          --backend | abacus | backend: abacus
          --draft-model | no-such-folder | no-such-folder
          """)
  void namesTheOptionOfServe(String option, String value, String message) {
    String model = FIXTURE.toString();
    String port = option.equals("--port") ? "--grpc-port" : "--port";

    // The usual port of gRPC may be taken here, so another is asked for.
    Map<String, String> environment =
        option.equals("--port") ? Map.of() : Map.of("KRAIT_GRPC_PORT", "0");

    assertRefused(run(environment, "serve", "--model", model, port, "0", option, value), message);
  }

  @Test
  void saysWhatIsWrongWithASize() {
    int code = run(Map.of(), "serve", "--cache-memory", "8 apples");

    assertThat(code).isEqualTo(Exit.USAGE);
    assertThat(errors.toString())
        .contains("--cache-memory", "size: 8 apples (expected: bytes with a unit")
        .doesNotContain("Exception");
  }

  @ParameterizedTest
  @ValueSource(strings = {"serve", "generate"})
  void namesTheKeyOfABrokenModel(String command) {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, temporary).with("config.json", "num_key_value_heads", "3");
    String folder = model.folder().toString();

    int code =
        command.equals("serve")
            ? run(Map.of(), command, "--model", folder, "--port", "0", "--grpc-port", "0")
            : run(Map.of(), command, "--model", folder, "--prompt", "x");

    assertRefused(code, "config.json: num_key_value_heads: 3 (expected: a divisor of 4 heads)");
  }

  @Test
  void refusesARecommendationThatEveryRequestWouldFailFor() {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, temporary).with("generation_config.json", "top_p", "2");

    assertRefused(
        run(Map.of(), "generate", "--model", model.folder().toString(), "--prompt", "x"),
        "generation_config.json: top_p: 2 (expected: above 0, at most 1)");
  }

  @Test
  void anEmptyVariableIsTheSameAsNone() {
    Map<String, String> environment =
        Map.of(
            "KRAIT_MAX_SEQUENCES", "",
            "KRAIT_API_KEY", "",
            "KRAIT_CACHE_MEMORY", " ",
            "KRAIT_SPECULATION", "off",
            "KRAIT_GRPC_PORT", "0");

    int code =
        run(
            environment,
            "serve",
            "--model",
            TestServer.modelFolder().toString(),
            "--port",
            "0",
            "--warm-up");

    assertThat(code).as(written() + errors).isZero();
  }

  @Test
  void anEmptyVariableOfARequiredOptionDoesNotCount() {
    int code = run(Map.of("KRAIT_PROMPT", ""), "generate", "--model", FIXTURE.toString());

    assertThat(code).isEqualTo(Exit.USAGE);
    assertThat(errors.toString()).contains("--prompt");
  }
}
