package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class TokenizerTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mistral-window", "mamba2-original"})
  void promptsAndContinuationsOfTheFixturesHold(String name) throws IOException {
    JsonNode cases = cases().get(name);
    try (Tokenizer tokenizer = open(name)) {
      for (JsonNode prompt : cases.get("prompts")) {
        int[] ids = ids(prompt.get("ids"));
        assertThat(tokenizer.encode(prompt.get("text").stringValue(), true)).isEqualTo(ids);
      }
      for (JsonNode greedy : cases.get("greedy")) {
        int[] ids = ids(greedy.get("ids"));
        assertThat(tokenizer.decode(ids, 0, ids.length, true))
            .isEqualTo(greedy.get("text").stringValue());
      }
    }
  }

  @Test
  void theShippedTokenizerOpensAndRoundTrips() {
    Path model = Path.of(System.getProperty("krait.repo"), "models", "krait-tiny");
    try (Tokenizer tokenizer = Tokenizer.open(model)) {
      int[] ids = tokenizer.encode("Once upon a time<|end|>", false);
      assertThat(tokenizer.decode(ids, 0, ids.length, false)).isEqualTo("Once upon a time<|end|>");
      assertThat(tokenizer.decode(ids, 0, ids.length, true)).isEqualTo("Once upon a time");
      assertThat(tokenizer.vocabSize()).isEqualTo(4096);
      assertThat(tokenizer.bosToken()).isEmpty();
      assertThat(tokenizer.eosToken()).contains("<|end|>");
      assertThat(tokenizer.idOf("<|end|>")).hasValue(4);
      assertThat(tokenizer.isSpecial(4)).isTrue();
      assertThat(tokenizer.isSpecial(4095)).isFalse();
      assertThat(tokenizer.isSpecial(-1)).isFalse();
    }
  }

  @Test
  void longTextsAreNeitherCutNorPadded() throws IOException {
    try (Tokenizer tokenizer = open("llama-gqa-rope3")) {
      String text = "word ".repeat(5000);
      int[] ids = tokenizer.encode(text, false);
      assertThat(ids.length).isGreaterThan(5000);
      assertThat(tokenizer.decode(ids, 0, ids.length, false)).isEqualTo(text);
      assertThat(tokenizer.encode("", false)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"(a|a)*b", "(\\w+\\s?)+$"})
  void aFileWhoseExpressionBacktracksWithoutEndIsRefused(String expression) throws IOException {
    copy("mamba2-original");
    for (String field : List.of("normalizer", "pre_tokenizer", "decoder")) {
      Path file = folder.resolve("tokenizer.json");
      ObjectNode root = (ObjectNode) JsonMapper.shared().readTree(Files.readAllBytes(file));
      ObjectNode step = root.putObject(field).put("type", "Sequence").putArray("steps").addObject();
      step.put("type", "Split").putObject("pattern").put("Regex", expression);
      Files.writeString(file, root.toString());
      assertThatThrownBy(() -> Tokenizer.open(folder))
          .isInstanceOf(EngineException.class)
          .hasMessageContainingAll("tokenizer.json", field, expression);
      root.putNull(field);
      Files.writeString(file, root.toString());
    }
  }

  @Test
  void aTextIsNoLongerThanItsExpressionsCanCopeWith() throws IOException {
    copy("llama-gqa-rope3");
    Path file = folder.resolve("tokenizer.json");
    String llama3 = Files.readString(file);
    // The same words, with a third way to give a run of spaces back.
    Files.writeString(file, llama3.replace("|\\\\s*[", "|\\\\s*\\\\t\\\\t|\\\\s*["));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      String spaces = " ".repeat(BacktrackCost.MAX_RETRIES / 3);
      assertThatThrownBy(() -> tokenizer.encode(spaces + " ", false))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("at most " + BacktrackCost.MAX_RETRIES / 3 + " bytes");
    }
  }

  @Test
  void spacesAtTheEndOfALineAreFoundAsInThePublishedTokenizer() throws IOException {
    copy("mamba2-original");
    Path file = folder.resolve("tokenizer.json");
    ObjectNode root = (ObjectNode) JsonMapper.shared().readTree(Files.readAllBytes(file));
    ObjectNode split = root.putObject("pre_tokenizer").put("type", "Split");
    split.put("behavior", "Isolated").put("invert", false);
    split.putObject("pattern").put("Regex", "\\s+$");
    List<String> texts = List.of("a  b \n c  ", "  ", "\n\n a \n\n", " a\t\tb");
    List<int[]> rewritten = new ArrayList<>();
    Files.writeString(file, root.toString());
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      texts.forEach(text -> rewritten.add(tokenizer.encode(text, false)));
    }
    try (var library = TokenizerLibrary.open(Files.readAllBytes(file))) {
      for (int i = 0; i < texts.size(); i++) {
        long[] ids = library.encode(texts.get(i), false, false).getIds();
        assertThat(rewritten.get(i))
            .isEqualTo(Arrays.stream(ids).mapToInt(id -> (int) id).toArray());
      }
    }
  }

  @Test
  void noTokenStandsForMoreCharactersThanTheBoundOfTheTokenizer() throws IOException {
    for (String name : List.of("llama-gqa-rope3", "mistral-window", "mamba2-original")) {
      try (Tokenizer tokenizer = open(name)) {
        String text = "Once upon a time, 1234 \ud835\udd38 \u00e9\u0301 !!   \n";
        int tokens = tokenizer.encode(text, false).length;
        assertThat((long) tokens * tokenizer.maxCharactersPerToken())
            .isGreaterThanOrEqualTo(text.length());
      }
    }
  }

  @Test
  void textBeyondTheLimitIsRefusedByItsBytes() throws IOException {
    copy("llama-gqa-rope3");
    try (Tokenizer tokenizer = Tokenizer.open(folder, 10)) {
      assertThat(tokenizer.encode("0123456789", false)).isNotEmpty();
      assertThatThrownBy(() -> tokenizer.encode("日本語\ud83d\ude42", false))
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
          .hasMessage("text: 13 bytes (expected: at most 10 bytes)");
    }
  }

  @Test
  void aLoneSurrogateCountsAsReplacementCharacter() throws IOException {
    try (Tokenizer tokenizer = open("llama-gqa-rope3")) {
      assertThat(tokenizer.encode("a\ud800b", false))
          .isEqualTo(tokenizer.encode("a\ufffdb", false));
    }
  }

  @Test
  void tokensHaveTextAndBytes() throws IOException {
    try (Tokenizer bytes = open("llama-gqa-rope3");
        Tokenizer fallback = open("mistral-window")) {
      int space = bytes.encode(" ", false)[0];
      assertThat(bytes.tokenText(space)).isEqualTo(" ");
      assertThat(fallback.tokenBytes(fallback.idOf("<0xE6>").getAsInt()))
          .containsExactly((byte) 0xe6);
      assertThat(fallback.tokenText(fallback.idOf("<0xE6>").getAsInt())).isEqualTo("\ufffd");
      assertThat(fallback.tokenText(fallback.idOf("▁").getAsInt())).isEqualTo(" ");
      assertThat(fallback.tokenBytes(2)).isEqualTo("</s>".getBytes(StandardCharsets.UTF_8));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mistral-window", "mamba2-original"})
  void tokenBytesJoinToTheBytesOfTheText(String name) throws IOException {
    try (Tokenizer tokenizer = open(name)) {
      for (String text : List.of("Hello, world!", "naïve 日本語 🙂", "a    b\n\tc", "<0x41>")) {
        ByteArrayOutputStream joined = new ByteArrayOutputStream();
        for (int id : tokenizer.encode(text, false)) {
          joined.writeBytes(tokenizer.tokenBytes(id));
        }
        String whole = joined.toString(StandardCharsets.UTF_8);
        boolean prefixed = name.equals("mistral-window");
        assertThat(whole).isEqualTo(prefixed ? " " + text : text);
      }
    }
  }

  @Test
  void idsOutsideOfTheVocabularyAreRefused() throws IOException {
    try (Tokenizer tokenizer = open("mistral-window")) {
      for (int id : new int[] {-1, tokenizer.vocabSize(), Integer.MAX_VALUE}) {
        assertThatThrownBy(() -> tokenizer.decode(new int[] {1, id}, 0, 2, false))
            .isInstanceOf(EngineException.class)
            .hasMessageContaining("token id: " + id);
        assertThatThrownBy(() -> tokenizer.tokenText(id)).isInstanceOf(EngineException.class);
      }
    }
  }

  @Test
  void vocabulariesCompareByTheirTokens() throws IOException {
    try (Tokenizer one = open("llama-gqa-rope3");
        Tokenizer same = open("llama-gqa-rope3");
        Tokenizer other = open("mistral-window")) {
      assertThat(one.fingerprint()).isEqualTo(same.fingerprint()).hasSize(64);
      assertThat(one.firstDifference(same)).isEmpty();
      assertThat(one.fingerprint()).isNotEqualTo(other.fingerprint());
      assertThat(one.firstDifference(other).orElseThrow())
          .isEqualTo("token 0: '!' against '<unk>' (special)");
    }
  }

  @Test
  void tokensThatOnlyTheConfigurationNamesAreAdded() throws IOException {
    copy("llama-gqa-rope3");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        """
        {"added_tokens_decoder": {"320": {"content": "<|new|>", "special": true, "lstrip": false,
          "rstrip": false, "normalized": false, "single_word": false}}}
        """);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encode("<|new|>", false)).containsExactly(320);
      assertThat(tokenizer.vocabSize()).isEqualTo(321);
      assertThat(tokenizer.isSpecial(320)).isTrue();
    }
  }

  @Test
  void missingAndBrokenFilesAreNamed() throws IOException {
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOfSatisfying(
            EngineException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT))
        .hasMessageContaining("tokenizer.json: missing");
    for (String broken :
        List.of(
            "",
            "{",
            "[]",
            "{}",
            "{\"model\": 5}",
            "{\"model\": {\"vocab\": {\"a\": \"b\"}}}",
            "{\"model\": {\"vocab\": {\"a\": -1}}}",
            "{\"model\": {\"vocab\": {\"a\": 999999999}}}",
            "{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": \"x\"}]}",
            "{\"model\": {\"type\": \"Nope\", \"vocab\": {\"a\": 0}}}")) {
      Files.writeString(folder.resolve("tokenizer.json"), broken);
      assertThatThrownBy(() -> Tokenizer.open(folder))
          .as(broken)
          .isInstanceOfSatisfying(
              EngineException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT))
          .hasMessageContaining("tokenizer.json");
    }
  }

  @Test
  void aClosedTokenizerRefusesWork() throws IOException {
    Tokenizer tokenizer = open("mistral-window");
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a", false))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNAVAILABLE));
  }

  @Test
  void threadsShareOneTokenizer() throws Exception {
    try (Tokenizer tokenizer = open("llama-gqa-rope3");
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      String text = "The quick brown fox, naïve 日本語 🙂. ".repeat(50);
      int[] expected = tokenizer.encode(text, true);
      Callable<int[]> encode = () -> tokenizer.encode(text, true);
      for (Future<int[]> result : threads.invokeAll(Collections.nCopies(64, encode))) {
        assertThat(result.get()).isEqualTo(expected);
      }
    }
  }

  @Test
  void theLibraryIsToldToStayQuiet() throws IOException {
    open("mistral-window").close();
    assertThat(System.getProperty("OPT_OUT_TRACKING")).isEqualTo("true");
    assertThat(System.getProperty("RUST_FLAVOR")).isEqualTo("cpu");
  }

  static Path resource(String name) {
    return Path.of("src", "test", "resources", "tokenizers", name);
  }

  static Tokenizer open(String name) {
    return Tokenizer.open(resource(name));
  }

  static JsonNode cases() throws IOException {
    try (InputStream stream = TokenizerTest.class.getResourceAsStream("/tokenizers/cases.json")) {
      return JsonMapper.builder().build().readTree(Objects.requireNonNull(stream));
    }
  }

  static int[] ids(JsonNode array) {
    List<Integer> ids = new ArrayList<>();
    array.forEach(id -> ids.add(id.intValue()));
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private void copy(String name) throws IOException {
    Files.copy(resource(name).resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
  }
}
