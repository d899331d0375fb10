package dev.krait.checkpoint;

import static dev.krait.checkpoint.Refusals.absenceOf;
import static dev.krait.checkpoint.Refusals.refusalOf;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointConfigTest {
  @TempDir Path folder;

  @Test
  void valuesHaveTheirTypes() {
    CheckpointConfig config =
        config(
            """
            {"layers": 24, "eps": 1e-05, "theta": 500000, "tied": true, "act": "silu",
             "attn": [1, 3], "eos": 7, "eos_list": [7, 9], "names": ["a"], "none": null}
            """);

    assertThat(config.positiveInt("layers")).isEqualTo(24);
    assertThat(config.positiveInt("layers", 3)).isEqualTo(24);
    assertThat(config.optionalPositiveInt("layers")).hasValue(24);
    assertThat(config.number("eps", 1)).isEqualTo(1e-5);
    assertThat(config.number("theta", 1)).isEqualTo(500_000);
    assertThat(config.flag("tied", false)).isTrue();
    assertThat(config.text("act")).isEqualTo("silu");
    assertThat(config.optionalText("act")).hasValue("silu");
    assertThat(config.isText("act")).isTrue();
    assertThat(config.isText("layers")).isFalse();
    assertThat(config.ints("attn")).containsExactly(1, 3);
    assertThat(config.intOrInts("eos")).containsExactly(7);
    assertThat(config.intOrInts("eos_list")).containsExactly(7, 9);
    assertThat(config.texts("names")).containsExactly("a");
    assertThat(config.has("layers")).isTrue();
  }

  @Test
  void absentAndNullKeysTakeTheFallback() {
    CheckpointConfig config = config("{\"none\": null}");

    for (String key : new String[] {"none", "absent"}) {
      assertThat(config.has(key)).isFalse();
      assertThat(config.isText(key)).isFalse();
      assertThat(config.positiveInt(key, 3)).isEqualTo(3);
      assertThat(config.optionalPositiveInt(key)).isEmpty();
      assertThat(config.number(key, Double.NaN)).isNaN();
      assertThat(config.flag(key, true)).isTrue();
      assertThat(config.optionalText(key)).isEmpty();
      assertThat(config.ints(key)).isEmpty();
      assertThat(config.intOrInts(key)).isEmpty();
      assertThat(config.texts(key)).isEmpty();
      assertThat(config.object(key)).isEmpty();
    }
  }

  @Test
  void infinityAndNotANumberAreNumbersButTooLargeIsNot() {
    CheckpointConfig config =
        config("{\"a\": Infinity, \"b\": -Infinity, \"c\": NaN, \"d\": 1e400}");

    assertThat(config.number("a", 0)).isEqualTo(Double.POSITIVE_INFINITY);
    assertThat(config.number("b", 0)).isEqualTo(Double.NEGATIVE_INFINITY);
    assertThat(config.number("c", 0)).isNaN();
    refusalOf(() -> config.number("d", 0)).contains("d: 1E+400 (expected: a number)");
  }

  @Test
  void infinityInAListMayBeTheObjectThatTransformersWrite() {
    CheckpointConfig config =
        config(
            """
            {"limit": [0, 0.5, Infinity, {"__float__": "Infinity"}, {"__float__": "-Infinity"}],
             "nan": [{"__float__": "NaN"}], "bad": [{"__float__": "1"}],
             "more": [{"__float__": "NaN", "x": 1}], "text": ["Infinity"]}
            """);
    double infinity = Double.POSITIVE_INFINITY;

    assertThat(config.numbers("limit")).containsExactly(0.0, 0.5, infinity, infinity, -infinity);
    assertThat(config.numbers("nan")).containsExactly(Double.NaN);
    assertThat(config.numbers("absent")).isEmpty();
    for (String key : new String[] {"bad", "more", "text"}) {
      refusalOf(() -> config.numbers(key)).contains(key + ": [", "(expected: a list of numbers)");
    }
  }

  @Test
  void requiredKeyThatIsAbsentIsRefusedByName() {
    CheckpointConfig config = config("{\"none\": null}");

    refusalOf(() -> config.positiveInt("hidden_size"))
        .endsWith("config.json: hidden_size: missing (expected: an integer from 1 to 268435456)");
    refusalOf(() -> config.text("none")).endsWith("config.json: none: null (expected: a string)");
  }

  @Test
  void integersAreNeverConverted() {
    for (String value :
        new String[] {
          "0",
          "-1",
          "5.5",
          "4.0",
          "\"5\"",
          "true",
          "[5]",
          "{}",
          "NaN",
          "2147483648",
          "1e3",
          "99999999999999999999"
        }) {
      CheckpointConfig config = config("{\"n\": " + value + "}");

      refusalOf(() -> config.positiveInt("n")).as(value).contains("n: ", "an integer from 1");
      refusalOf(() -> config.positiveInt("n", 1)).as(value).contains("n: ");
      refusalOf(() -> config.optionalPositiveInt("n")).as(value).contains("n: ");
    }
  }

  @Test
  void otherTypesAreNeverConvertedEither() {
    CheckpointConfig config =
        config("{\"n\": \"1\", \"b\": 1, \"t\": 1, \"i\": [1, \"2\"], \"l\": 1, \"o\": []}");

    refusalOf(() -> config.number("n", 0)).contains("n: \"1\" (expected: a number)");
    refusalOf(() -> config.flag("b", true)).contains("b: 1 (expected: true or false)");
    refusalOf(() -> config.text("t")).contains("t: 1 (expected: a string)");
    refusalOf(() -> config.optionalText("t")).contains("t: 1 (expected: a string)");
    refusalOf(() -> config.ints("i")).contains("i: [1,\"2\"] (expected: a list of integers)");
    refusalOf(() -> config.ints("l")).contains("l: 1 (expected: a list of integers)");
    refusalOf(() -> config.intOrInts("i")).contains("an integer or a list of integers");
    refusalOf(() -> config.texts("i")).contains("a list of strings");
    refusalOf(() -> config.object("o")).contains("o: [] (expected: an object)");
  }

  @Test
  void nestedObjectsNameTheWholePath() {
    CheckpointConfig nested =
        config("{\"a\": {\"b\": {\"c\": \"x\"}}}")
            .object("a")
            .orElseThrow()
            .object("b")
            .orElseThrow();

    assertThat(nested.file()).endsWith("config.json");
    refusalOf(() -> nested.positiveInt("c"))
        .contains("config.json: a.b.c: \"x\" (expected: an integer from 1 to 268435456)");
  }

  @Test
  void fileThatIsMissingIsRefusedOrEmpty() {
    Path file = folder.resolve("mamba_config.json");

    assertThat(CheckpointConfig.readIfPresent(file)).isEmpty();
    absenceOf(() -> CheckpointConfig.read(file)).contains("mamba_config.json: no such file");
  }

  @Test
  void malformedJsonIsRefusedWithLineAndColumn() {
    refusal("{\n  \"a\": 1,\n  \"b\": }").contains("content at line 3, column 8");
    refusal("{\"a\": 1").contains("content at line 1");
    refusal("{\"a\": 1} x").contains("content at line 1");
    refusal("{'a': 1}").contains("content at line 1");
  }

  @Test
  void keyGivenTwiceIsRefused() {
    refusal("{\"a\": 1, \"a\": 2}").contains("content at line 1", "Duplicate");
  }

  @Test
  void contentThatIsNoObjectIsRefused() {
    refusal("[]").contains("content: ARRAY");
    refusal("null").contains("content: NULL");
    refusal("").contains("content");
  }

  @Test
  void deepNestingIsRefused() {
    refusal("{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}").contains("content");
  }

  @Test
  void largeFileIsRefused() {
    refusal("{\"a\": \"" + "x".repeat(16 << 20) + "\"}").contains("at most 16777216");
  }

  @Test
  void otherEncodingsAreRefused() throws IOException {
    Path file = folder.resolve("config.json");
    Files.write(file, "{\"a\": 1}".getBytes(StandardCharsets.UTF_16));
    refusalOf(() -> CheckpointConfig.read(file)).contains("config.json: content", "UTF-8");
  }

  @Test
  void readIfPresentStillRefusesABrokenFile() throws IOException {
    Path file = Files.writeString(folder.resolve("generation_config.json"), "{");

    refusalOf(() -> CheckpointConfig.readIfPresent(file)).contains("generation_config.json");
  }

  private CheckpointConfig config(String json) {
    try {
      return CheckpointConfig.read(Files.writeString(folder.resolve("config.json"), json));
    } catch (IOException failure) {
      throw new AssertionError(failure);
    }
  }

  private AbstractStringAssert<?> refusal(String json) {
    return refusalOf(() -> config(json)).contains("config.json: ");
  }
}
