package dev.krait.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Published schemas with valid and invalid instances.
class SchemaSampleTest {
  private static List<Map<?, ?>> sample() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(
                    SchemaSampleTest.class.getResourceAsStream("/maskbench.jsonl")),
                StandardCharsets.UTF_8))) {
      List<Map<?, ?>> sample = new ArrayList<>();
      lines.lines().forEach(line -> sample.add(Texts.object(line)));
      return sample;
    }
  }

  @Test
  void noInvalidInstanceIsAcceptedAndNoValidOneCutOff() throws IOException {
    List<String> wrong = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    List<Map<?, ?>> sample = sample();
    for (Map<?, ?> entry : sample) {
      try {
        Constraint constraint = Constraint.compile(Grammar.jsonSchema(entry.get("schema"), false));
        for (Object each : (List<?>) Objects.requireNonNull(entry.get("tests"))) {
          Map<?, ?> test = (Map<?, ?>) each;
          String text = Texts.write(test.get("data"));
          if (Texts.accepts(constraint, text) != Boolean.TRUE.equals(test.get("valid"))) {
            wrong.add(entry.get("name") + ": " + test.get("valid") + " " + text);
          }
        }
      } catch (ConstraintException e) {
        refused.add(entry.get("name") + ": " + e.getMessage());
        assertThat(e.keyword()).as(refused.getLast()).isIn("not", "oneOf", "uniqueItems");
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(sample).hasSizeGreaterThan(200);
    assertThat(refused).hasSizeLessThan(sample.size() / 15);
  }

  /// Masks are found in parts, ranges and remembered pieces; each token's own way says the same.
  @Test
  void aMaskHasTheTokensThatCanBeTakenAndNoOthers() throws IOException {
    Random random = new Random(11);
    List<Map<?, ?>> sample = sample();
    Vocabulary vocabulary = pieces(sample, random);
    int checked = 0;
    for (int i = 0; i < sample.size(); i += 5) {
      Constraint constraint;
      try {
        constraint = Constraint.compile(Grammar.jsonSchema(sample.get(i).get("schema"), true));
      } catch (ConstraintException e) {
        continue;
      }
      State state = constraint.start();
      for (int step = 0; step < 25 && state != null; step++) {
        BitSet expected = new BitSet();
        for (int id = 0; id < vocabulary.size(); id++) {
          expected.set(id, constraint.advance(state, id, vocabulary) != null);
        }
        TokenMask mask = constraint.mask(state, vocabulary);
        assertThat(mask.toBitSet()).as("%s", sample.get(i).get("name")).isEqualTo(expected);
        checked++;
        int chosen = random.nextInt(Math.max(1, expected.cardinality()));
        int token = expected.stream().skip(chosen).findFirst().orElse(-1);
        assertThat(token >= 0 || state.isComplete()).as("a way on or an end").isTrue();
        state = token < 0 ? null : constraint.advance(state, token, vocabulary);
      }
    }
    assertThat(checked).isGreaterThan(400);
  }

  /// All bytes, pieces of the instances, some twice, and tokens without bytes.
  private static Vocabulary pieces(List<Map<?, ?>> sample, Random random) {
    List<byte[]> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    tokens.add(new byte[0]);
    for (int i = 0; i < 600; i++) {
      byte[] text =
          Texts.write(sample.get(random.nextInt(sample.size())).get("tests"))
              .getBytes(StandardCharsets.UTF_8);
      int from = random.nextInt(text.length);
      tokens.add(
          Arrays.copyOfRange(text, from, Math.min(text.length, from + 1 + random.nextInt(9))));
    }
    return new Vocabulary(tokens.toArray(new byte[0][]));
  }
}
