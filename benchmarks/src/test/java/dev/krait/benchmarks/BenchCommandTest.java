package dev.krait.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.krait.server.ServerMain;
import dev.krait.testing.DamagedModel;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@Tag("slow")
class BenchCommandTest {
  private static final Path FIXTURE =
      Path.of(
          System.getProperty("krait.repo", ".."),
          "engine/src/test/resources/models/llama-gqa-rope3");

  @TempDir private Path temporary;

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final StringWriter errors = new StringWriter();

  private int bench(Object... arguments) {
    List<String> words = new ArrayList<>(List.of("bench"));
    for (Object argument : arguments) {
      words.add(argument.toString());
    }
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    return ServerMain.commandLine(out, out, Map.of())
        .setErr(new PrintWriter(errors, true))
        .execute(words.toArray(String[]::new));
  }

  private String written() {
    return written.toString(StandardCharsets.UTF_8);
  }

  private void assertRefused(int code, String... parts) {
    assertThat(code).isEqualTo(1);
    assertThat(errors.toString()).isEmpty();
    assertThat(written()).startsWith("krait: ").contains(parts).hasLineCount(1);
  }

  @Test
  void writesARowForEveryBatchAndForThePrompt() throws IOException {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, Files.createDirectory(temporary.resolve("small")))
            .with("config.json", "max_position_embeddings", "300");
    Path json = temporary.resolve("rows.json");

    int code =
        bench(
            "--model",
            model.folder(),
            "--batch",
            "1,3",
            "--context",
            30,
            "--prompt",
            "20,300",
            "--json",
            json,
            "--threads",
            1);

    assertThat(code).as(written() + errors).isZero();
    assertThat(written()).contains("machine: read ", " TFLOP/s", "backend: cpu", "tokens/s");
    JsonNode root = JsonMapper.shared().readTree(json.toFile());
    assertThat(root.propertyNames())
        .containsExactly(
            "time",
            "card",
            "java",
            "processors",
            "read_bytes_per_second",
            "product_flops_per_second",
            "rows");
    List<JsonNode> rows = root.get("rows").valueStream().toList();
    assertThat(rows)
        .extracting(row -> row.get("row").asInt() + " " + row.get("what").asString())
        .containsExactly(
            "1 small, decode, 1 sequences, context 30",
            "2 small, decode, 3 sequences, context 30",
            "3 small, prompt of 20",
            "4 small, prompt of 300");
    assertThat(rows)
        .allSatisfy(row -> {
          assertThat(row.get("unit").asString()).isEqualTo("tokens/s");
          assertThat(row.get("command").asString()).startsWith("bench --model ");
          for (String key : List.of("value", "floor")) {
            assertThat(row.get(key).doubleValue()).as(key).isPositive().isFinite();
          }
        });
  }

  @Test
  void failsAtOnceForAContextOrPromptThatIsTooLong() {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, temporary).with("config.json", "max_position_embeddings", "100");

    assertRefused(
        bench("--model", model.folder(), "--context", 37),
        "context: 37 (expected: 0 to 36, in sequences of this model)");
    written.reset();
    assertRefused(
        bench("--model", model.folder(), "--prompt", "8,101"),
        "prompt: 101 (expected: 1 to 100, in sequences of this model)");
  }

  @Test
  void measuresSpeculationWithAsManyAcceptedDraftsAsAskedFor() throws IOException {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, Files.createDirectory(temporary.resolve("small")))
            .with("config.json", "max_position_embeddings", "64");
    Path json = temporary.resolve("rows.json");

    int code =
        bench(
            "--model",
            model.folder(),
            "--draft-model",
            model.folder(),
            "--draft-tokens",
            2,
            "--tokens-per-iteration",
            1.5,
            "--json",
            json,
            "--threads",
            1);

    assertThat(code).as(written() + errors).isZero();
    assertThat(written()).contains("2 drafts, 1.50 tokens an iteration", "over plain");
    List<JsonNode> rows =
        JsonMapper.shared().readTree(json.toFile()).get("rows").valueStream().toList();
    assertThat(rows)
        .extracting(row -> row.get("kind").asString() + " " + row.get("batch").asInt())
        .containsExactly(
            "plain 1",
            "verify 1",
            "verify 1",
            "verify 1",
            "verify 1",
            "verify 1",
            "verify 1",
            "verify 1",
            "draft 1",
            "loop 1",
            "plain 4",
            "loop 4",
            "plain 16",
            "loop 16");
    for (JsonNode row : rows) {
      double perStep = row.get("tokens_per_second").asDouble() * row.get("micros").asDouble() / 1e6;
      boolean loops = row.get("kind").asString().equals("loop");
      assertThat(perStep / row.get("batch").asInt()).isCloseTo(loops ? 1.5 : 1, within(1e-6));
      assertThat(row.get("over_plain").asDouble()).isPositive();
      assertThat(row.get("draft_micros").asDouble() > 0).isEqualTo(loops);
    }
  }

  @Test
  void failsAtOnceForMoreTokensThanAnIterationCanGive() {
    assertRefused(
        bench("--model", FIXTURE, "--draft-model", FIXTURE, "--tokens-per-iteration", "5.5"),
        "tokens-per-iteration: 5.5 (expected: 1 to 5)");
    written.reset();
    assertRefused(
        bench("--model", FIXTURE, "--draft-model", FIXTURE, "--draft-tokens", "0"),
        "draft-tokens: 0 (expected: 1 to 16)");
    written.reset();
    assertRefused(
        bench("--model", FIXTURE, "--draft-model", temporary.resolve("nope")),
        temporary.resolve("nope") + ": no such folder");
  }

  @Test
  void failsAtOnceWithoutAModel() {
    Path folder = temporary.resolve("nope");

    assertRefused(bench("--model", folder), folder + ": no such folder");
  }

  @Test
  void failsAtOnceForAModelThatIsTooShort() {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, temporary).with("config.json", "max_position_embeddings", "20");

    assertRefused(
        bench("--model", model.folder()), "sequences of 20 tokens (expected: at least 64");
  }

  @Test
  void failsAtOnceWhenTheResultCannotBeWritten() {
    assertRefused(
        bench("--model", FIXTURE, "--json", temporary.resolve("no/such/file")),
        "json: ",
        "a file that can be written");
  }

  @Test
  void namesTheKeyOfABrokenModel() {
    DamagedModel model =
        DamagedModel.copy(FIXTURE, temporary).with("config.json", "num_key_value_heads", "3");

    assertRefused(
        bench("--model", model.folder()),
        "config.json: num_key_value_heads: 3 (expected: a divisor of 4 heads)");
  }

  @Test
  void printsTheVersionWhenAsked() {
    assertThat(bench("--version")).isZero();
  }

  @Test
  void failsAtOnceForAnUnknownBackend() {
    assertRefused(bench("--model", FIXTURE, "--backend", "abacus"), "backend: abacus");
  }

  @Test
  void failsAtOnceForThreadsThatNoMachineHas() {
    assertRefused(bench("--model", FIXTURE, "--threads", 0), "threads: 0 (expected: 1 to 1024)");
  }
}
