package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BacktrackCostTest {
  private static final String SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
  private static final String LETTER = "[^\\r\\n\\p{L}\\p{N}]?";
  private static final String ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

  /// Expressions of published tokenizers: Llama-3, Qwen2, GPT-2, o200k, Tekken, Kimi, DeepSeek-V3,
  /// Falcon, BLOOM and what normalisers hold.
  @ParameterizedTest
  @ValueSource(
      strings = {
        ENDINGS + "|" + LETTER + "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" + SPACES,
        ENDINGS + "|" + LETTER + "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" + SPACES,
        "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        LETTER
            + UPPER
            + "*"
            + LOWER
            + "+"
            + ENDINGS
            + "?|"
            + LETTER
            + UPPER
            + "+"
            + LOWER
            + "*"
            + ENDINGS
            + "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
            + SPACES,
        LETTER
            + UPPER
            + "*"
            + LOWER
            + "+|"
            + LETTER
            + UPPER
            + "+"
            + LOWER
            + "*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
            + SPACES,
        "[\\p{Han}]+|"
            + LETTER
            + "[\\p{Lu}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}&&[^\\p{Han}]]+"
            + ENDINGS
            + "?|"
            + LETTER
            + "[\\p{Lu}\\p{M}&&[^\\p{Han}]]+[\\p{Ll}&&[^\\p{Han}]]*"
            + ENDINGS
            + "?|\\p{N}{1,3}|"
            + SPACES,
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
            + "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
            + SPACES,
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        "[0-9][0-9][0-9]",
        " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+",
        "\\s{2,}",
        " {2,}",
        "(?:\\r\\n)+|.{1,24}",
        "\\p{L}+(?:'\\p{L}+)?",
        "",
      })
  void expressionsOfPublishedTokenizersAreTaken(String expression) {
    assertThat(BacktrackCost.retriesPerCharacter(expression)).isBetween(0, 8);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(a|a)*b",
        "(\\w+\\s?)+$",
        "(a*)*b",
        "(?:a?){30}a{30}",
        "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?b",
        "(?:a|b)+c|(?:a|b)+",
        "\\s+$",
        " *\\n",
        "\\w+\\d+\\w+!|\\w+",
        ".*.*=.*",
        "(?=(a+)+b)a",
        "(?<=a+)b",
        "(a)\\1",
        "(?<n>a\\g<n>?)",
        "(?>a+)b",
        "a{100000}",
        "a{1,3}+",
        "(?x)a",
        "[]a]+",
        "[a",
        "(a",
        "a)",
        "*a",
        "\\",
        "[\\",
        "(?#c)a",
      })
  void whatBacktracksWithoutEndIsRefusedAndNamed(String expression) {
    assertThatThrownBy(() -> BacktrackCost.retriesPerCharacter(expression))
        .isInstanceOfSatisfying(
            EngineException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT))
        .hasMessageContaining(expression)
        .hasMessageContaining("(expected: ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "\\s+ 0",
        "\\s+(?!\\S)|\\s+ 1",
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+ 2",
        "a?b+c|b+ 2",
        "[ab]{1,3}c+d|c+ 3"
      })
  void everyRunThatMayHaveToBeGivenBackCounts(String expression, int retries) {
    assertThat(BacktrackCost.retriesPerCharacter(expression)).isEqualTo(retries);
  }
}
