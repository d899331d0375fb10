package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class IncrementalDecoderTest {
  private static final String TEXT = "Hello, naïve 日本語 🙂👨‍👩‍👧 e\u0301 a\ufffdb\n\n  end ";

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mistral-window", "mamba2-original"})
  void piecesJoinToTheWholeTextAndNoneIsBroken(String name) {
    try (Tokenizer tokenizer = TokenizerTest.open(name)) {
      List<String> pieces = stream(tokenizer, new int[0], tokenizer.encode(TEXT, true), true);
      assertThat(String.join("", pieces))
          .isEqualTo(
              name.equals("mamba2-original")
                  ? Normalizer.normalize(TEXT, Normalizer.Form.NFC)
                  : TEXT);
      long marks = pieces.stream().filter(piece -> piece.contains("\ufffd")).count();
      assertThat(marks).isEqualTo(1);
      assertThat(pieces.getLast()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-rope3", "mamba2-original"})
  void randomTokensGiveWhatDecodingThemAtOnceGives(String name) {
    Random random = new Random(5);
    try (Tokenizer tokenizer = TokenizerTest.open(name)) {
      for (int round = 0; round < 300; round++) {
        boolean skip = random.nextBoolean();
        int[] ids = random.ints(random.nextInt(40), 0, tokenizer.vocabSize()).toArray();
        String whole = tokenizer.decode(ids, 0, ids.length, skip);
        assertThat(String.join("", stream(tokenizer, new int[0], ids, skip))).isEqualTo(whole);
      }
    }
  }

  @Test
  void byteFallbackStreamsWholeCharactersAsTheyComplete() {
    try (Tokenizer tokenizer = TokenizerTest.open("mistral-window")) {
      int[] ids = bytes(tokenizer, 0xe6, 0x97, 0xa5, 0xf0, 0x9f);
      assertThat(stream(tokenizer, new int[0], ids, true))
          .containsExactly("", "", "日", "", "", "\ufffd\ufffd");
    }
  }

  @Test
  void aTextTokenEndsAnUnfinishedRunOfBytes() {
    try (Tokenizer tokenizer = TokenizerTest.open("mistral-window")) {
      int[] run = bytes(tokenizer, 0xe6, 0x97);
      int letter = tokenizer.encode("a", false)[0];
      int[] ids = {run[0], run[1], letter};
      assertThat(stream(tokenizer, new int[0], ids, true))
          .containsExactly("", "", "\ufffd\ufffd" + tokenizer.tokenText(letter), "");
    }
  }

  @Test
  void theFirstSpaceBelongsToTheTextOnlyAfterOtherText() {
    try (Tokenizer tokenizer = TokenizerTest.open("mistral-window")) {
      int[] ids = tokenizer.encode("a", false);
      int[] begin = {tokenizer.idOf("<s>").getAsInt()};
      assertThat(String.join("", stream(tokenizer, new int[0], ids, true))).isEqualTo("a");
      assertThat(String.join("", stream(tokenizer, begin, ids, true))).isEqualTo("a");
      assertThat(String.join("", stream(tokenizer, begin, ids, false))).isEqualTo(" a");
      assertThat(String.join("", stream(tokenizer, ids, ids, true))).isEqualTo(" a");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral-window", "llama-gqa-rope3", "mamba2-original"})
  void textThatFollowsOtherTextJoinsToTheWhole(String name) {
    Random random = new Random(11);
    try (Tokenizer tokenizer = TokenizerTest.open(name)) {
      int[] ids = tokenizer.encode("one two  three\n four, 五 six", true);
      String whole = tokenizer.decode(ids, 0, ids.length, true);
      for (int cut = 0; cut <= ids.length; cut++) {
        int[] before = Arrays.copyOf(ids, cut);
        int[] after = Arrays.copyOfRange(ids, cut, ids.length);
        String known = tokenizer.decode(before, 0, cut, true);
        if (!known.contains("\ufffd")) {
          assertThat(known + tokenizer.decodeAfter(before, after, true)).isEqualTo(whole);
          assertThat(known + String.join("", stream(tokenizer, before, after, true)))
              .isEqualTo(whole);
        }
      }
      int[] broken = random.ints(30, 0, tokenizer.vocabSize()).toArray();
      assertThat(tokenizer.decodeAfter(new int[0], broken, true))
          .isEqualTo(tokenizer.decode(broken, 0, broken.length, true));
    }
  }

  @Test
  void tokensThatCompleteABrokenCharacterAreThePartWithoutIt() {
    try (Tokenizer tokenizer = TokenizerTest.open("mistral-window")) {
      int[] before = bytes(tokenizer, 0xe6);
      int[] after = bytes(tokenizer, 0x97, 0xa5);
      assertThat(tokenizer.decodeAfter(before, after, true)).isEqualTo("\ufffd\ufffd");
    }
  }

  @Test
  void unknownIdsHaveNoText() {
    try (Tokenizer tokenizer = TokenizerTest.open("mistral-window")) {
      IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, new int[] {-5}, true);
      assertThat(decoder.push(tokenizer.vocabSize() + 3)).isEmpty();
      assertThat(decoder.flush()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"always\",\"split\":true}",
        "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"▁\"},"
            + "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
            + "{\"type\":\"Strip\",\"content\":\" \",\"start\":2,\"stop\":0}]}"
      })
  void otherDecodersStreamThroughTheLibrary(String decoder) throws IOException {
    String json =
        Files.readString(TokenizerTest.resource("mistral-window").resolve("tokenizer.json"));
    JsonMapper mapper = JsonMapper.builder().build();
    ObjectNode root = (ObjectNode) mapper.readTree(json);
    root.set("decoder", mapper.readTree(decoder));
    Files.writeString(folder.resolve("tokenizer.json"), mapper.writeValueAsString(root));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.codec().kind()).isEqualTo(TokenCodec.Kind.OTHER);
      Random random = new Random(3);
      for (int round = 0; round < 100; round++) {
        int[] ids = words(tokenizer, random);
        int cut = random.nextInt(ids.length + 1);
        int[] prompt = Arrays.copyOf(ids, cut);
        int[] rest = Arrays.copyOfRange(ids, cut, ids.length);
        String whole = tokenizer.decode(ids, 0, ids.length, true);
        String before = tokenizer.decode(prompt, 0, cut, true);
        assertThat(before + String.join("", stream(tokenizer, prompt, rest, true)))
            .isEqualTo(whole);
      }
    }
  }

  private static int[] words(Tokenizer tokenizer, Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      text.append(random.nextInt(3) == 0 ? " " : "").append((char) ('a' + random.nextInt(26)));
    }
    return tokenizer.encode(text.toString(), false);
  }

  private static int[] bytes(Tokenizer tokenizer, int... values) {
    return Arrays.stream(values)
        .map(value -> tokenizer.idOf(String.format("<0x%02X>", value)).getAsInt())
        .toArray();
  }

  private static List<String> stream(Tokenizer tokenizer, int[] prompt, int[] ids, boolean skip) {
    IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, prompt, skip);
    List<String> pieces = new ArrayList<>();
    for (int id : ids) {
      pieces.add(decoder.push(id));
    }
    pieces.add(decoder.flush());
    return pieces;
  }
}
