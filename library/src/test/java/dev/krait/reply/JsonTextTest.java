package dev.krait.reply;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

class JsonTextTest {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
  private static final String GOOD =
      "{\"a\": [1, -2.5e3, true, null, \"x\\n\\u00d8\", {}, [], {\"b\": \"\uD83C\uDF27\"}], \"c\": 0}";

  /// Every text that one change of a character, a missing one or a further one makes of a good one.
  private static List<String> changed() {
    List<String> texts = new ArrayList<>(List.of(GOOD));
    for (int i = 0; i < GOOD.length(); i++) {
      texts.add(GOOD.substring(0, i) + GOOD.substring(i + 1));
      for (char c : "{}[],:\"\\0a\n -.".toCharArray()) {
        texts.add(GOOD.substring(0, i) + c + GOOD.substring(i + 1));
        texts.add(GOOD.substring(0, i) + c + GOOD.substring(i));
      }
    }
    return texts;
  }

  @Test
  void takesWhatAParserOfWholeTextsTakes() {
    assertThat(changed())
        .filteredOn(StandardCharsets.UTF_8.newEncoder()::canEncode)
        .filteredOn(text -> isObject(text) != isObjectForTheLibrary(text))
        .isEmpty();
  }

  private static boolean isObject(String text) {
    JsonText json = new JsonText();
    String value = text.strip();
    for (int i = 0; i < value.length(); i++) {
      if (!json.push(value.charAt(i), (_, _) -> true)) {
        return false;
      }
      if (json.isOver()) {
        return i == value.length() - 1 && value.startsWith("{");
      }
    }
    return false;
  }

  private static boolean isObjectForTheLibrary(String text) {
    try {
      return MAPPER.readTree(text).isObject();
    } catch (JacksonException e) {
      return false;
    }
  }
}
