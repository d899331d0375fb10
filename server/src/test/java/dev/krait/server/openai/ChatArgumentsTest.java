package dev.krait.server.openai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.service.Prompt;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChatArgumentsTest {
  private static Prompt.Chat chat(String body) {
    byte[] json = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    return (Prompt.Chat) new OpenAiParser(false).chat(json, "test").prompt().prompts().getFirst();
  }

  @Test
  void wholeNumbersOfAnySizeReachTheTemplateWithTheirDigits() {
    String digits = "-1" + "0123456789".repeat(400);
    Prompt.Chat chat =
        chat(
            "{'messages': [{'role': 'user', 'content': 'a', 'id': 18446744073709551616}],"
                + " 'tools': [{'function': {'name': 'f', 'maximum': 9223372036854775808}}],"
                + " 'metadata': {'n': "
                + digits
                + "},"
                + " 'chat_template_kwargs': {'a': "
                + digits
                + ", 'b': -9223372036854775808, 'c': 1e30, 'd': [9007199254740993]}}");
    assertThat(chat.messages().getFirst()).containsEntry("id", BigInteger.TWO.pow(64));
    assertThat(chat.tools().tools())
        .isEqualTo(
            List.of(Map.of("function", Map.of("name", "f", "maximum", BigInteger.TWO.pow(63)))));
    assertThat(chat.variables())
        .isEqualTo(
            Map.of(
                "a",
                new BigInteger(digits),
                "b",
                Long.MIN_VALUE,
                "c",
                1e30,
                "d",
                List.of(9007199254740993L)));
  }
}
