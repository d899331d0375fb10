package dev.krait.server.openai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.generation.TokenLogprobs;
import dev.krait.service.OutputOptions;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LogprobJsonTest {
  private static final List<String> TEXTS =
      List.of("a", " \uD83D\uDC0D", "e\u0301", "\uD83D\uDE42!");

  private record Names() implements TokenNames {
    @Override
    public String text(int id) {
      return TEXTS.get(id);
    }

    @Override
    public byte[] bytes(int id) {
      return text(id).getBytes(StandardCharsets.UTF_8);
    }
  }

  private static TokenLogprobs position(int id) {
    return new TokenLogprobs(id, -1, 0, new int[] {0, 1, 2}, new float[] {-1, -2, -3});
  }

  @Test
  void offsetsCountCodePoints() {
    AnswerHead head =
        new AnswerHead(
            "id",
            0,
            "model",
            new ResponseOptions(false, false, false, false, false, true),
            new OutputOptions(1, -1, true, true),
            new Names());
    AtomicInteger end = new AtomicInteger();
    byte[] bytes =
        OpenAiJson.write(json ->
            end.set(
                LogprobJson.writeArrays(
                    json,
                    head,
                    OptionalInt.of(1),
                    List.of(position(0), position(3), position(2)),
                    10)));
    JsonNode json = JsonMapper.shared().readTree(bytes);
    assertThat(json.get("text_offset").toString()).isEqualTo("[10,12,13,15]");
    assertThat(end).hasValue(17);
    assertThat(json.at("/top_logprobs/1").size()).isEqualTo(1);
    assertThat(json.at("/top_logprobs/2").size()).isEqualTo(2);
  }
}
