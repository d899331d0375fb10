package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.SpeculationMode;
import dev.krait.server.KraitServer;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Stop strings that end anywhere in a burst of accepted drafts, on the shipped pair of models.
@Tag("slow")
class StopInDraftTest {
  private static final String PROMPT = "Once upon a time";
  private static final int TOKENS = 48;

  private static KraitServer plain;
  private static KraitServer drafting;

  @BeforeAll
  static void start() {
    plain = ShippedServer.start();
    drafting =
        ShippedServer.start(
            TestServer.modelFolder(),
            set -> {
              set.speculation = SpeculationMode.DRAFT;
              set.draftFolder =
                  Optional.of(
                      TestServer.repository().resolve("models").resolve("krait-tiny-draft"));
              set.maxDraftTokens = 4;
              set.draftTokens = OptionalInt.of(4);
            });
  }

  @AfterAll
  static void stop() {
    drafting.close();
    plain.close();
  }

  /// An answer as far as it must not depend on drafts.
  private record Answer(String text, String finish, String stop, String ids) {}

  private static JsonNode ask(KraitServer server, String stop, boolean include, boolean stream) {
    HttpCalls.Reply reply =
        new HttpCalls(server.port()).call("POST", "/v1/completions", body(stop, include, stream));
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    if (!stream) {
      return reply.json();
    }
    return JsonMapper.shared().valueToTree(reply.chunks());
  }

  private static String body(String stop, boolean include, boolean stream) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("prompt", PROMPT)
        .put("max_tokens", TOKENS)
        .put("temperature", 0)
        .put("stop", stop)
        .put("include_stop_str_in_output", include)
        .put("return_token_ids", true)
        .put("stream", stream)
        .toString();
  }

  private static Answer whole(KraitServer server, String stop, boolean include) {
    JsonNode choice = ask(server, stop, include, false).at("/choices/0");
    return new Answer(
        choice.get("text").stringValue(),
        choice.get("finish_reason").stringValue(),
        choice.get("stop_reason").asString(""),
        choice.get("token_ids").toString());
  }

  private static Answer streamed(KraitServer server, String stop) {
    StringBuilder text = new StringBuilder();
    List<String> ids = new ArrayList<>();
    JsonNode chunks = ask(server, stop, false, true);
    for (JsonNode chunk : chunks.values()) {
      text.append(chunk.at("/choices/0/text").stringValue());
      chunk.at("/choices/0/token_ids").values().forEach(id -> ids.add(id.toString()));
    }
    JsonNode last = chunks.get(chunks.size() - 1).at("/choices/0");
    return new Answer(
        text.toString(),
        last.get("finish_reason").stringValue(),
        last.get("stop_reason").asString(""),
        "[" + String.join(",", ids) + "]");
  }

  /// Pieces of the text of several lengths, ending all over it.
  private static Set<String> stops(String text) {
    Set<String> stops = new LinkedHashSet<>();
    for (int end = 1; end <= text.length(); end += 4) {
      stops.add(text.substring(Math.max(0, end - 1 - end % 9), end));
    }
    return stops;
  }

  @Test
  void theTextEndsWhereItEndsWithoutDrafts() {
    String text = whole(plain, "\u0001", false).text();
    JsonNode drafted = ask(drafting, "\u0001", false, false);
    assertThat(drafted.at("/choices/0/text").stringValue()).isEqualTo(text);
    assertThat(drafted.at("/usage/completion_tokens_details/accepted_prediction_tokens").intValue())
        .isGreaterThan(TOKENS / 4);
    Set<String> stops = stops(text);
    assertThat(stops).hasSizeGreaterThan(30);
    for (String stop : stops) {
      Answer expected = whole(plain, stop, false);
      assertThat(expected.finish()).as(stop).isEqualTo("stop");
      assertThat(expected.stop()).isEqualTo(stop);
      assertThat(expected.text()).isEqualTo(text.substring(0, text.indexOf(stop)));
      assertThat(whole(drafting, stop, false)).as(stop).isEqualTo(expected);
      assertThat(streamed(drafting, stop)).as(stop).isEqualTo(expected);
      String included = whole(drafting, stop, true).text();
      assertThat(included).isEqualTo(expected.text() + stop);
    }
  }
}
