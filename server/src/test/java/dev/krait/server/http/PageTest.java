package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.krait.engine.SpeculationMode;
import dev.krait.server.KraitServer;
import dev.krait.server.testing.Browser;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The page at `/`, over the model that ships.
@Tag("slow")
class PageTest {
  private static KraitServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server =
        ShippedServer.start(
            TestServer.modelFolder(),
            set -> {
              set.speculation = SpeculationMode.DRAFT;
              set.draftFolder =
                  Optional.of(TestServer.modelFolder().resolveSibling("krait-tiny-draft"));
              set.maxDraftTokens = 4;
              set.draftTokens = OptionalInt.of(4);
            });
    http = new HttpCalls(server.port());
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void thePageNeedsNothingFromElsewhere() {
    HttpCalls.Reply page = http.get("/");
    assertThat(page.status()).isEqualTo(200);
    assertThat(page.header("content-type")).isEqualTo("text/html; charset=utf-8");
    assertThat(page.header("content-security-policy"))
        .contains("default-src 'none'")
        .contains("connect-src 'self'");
    assertThat(page.text()).doesNotContain("http://").doesNotContain("https://");
  }

  @Test
  void aStreamCountsDraftsAsItGoes() {
    List<JsonNode> chunks =
        http.post(
                "/v1/completions",
                "{'prompt':'Once upon a time','max_tokens':60,'temperature':0,'stream':true,"
                    + "'stream_options':{'include_usage':true,'continuous_usage_stats':true}}")
            .chunks();
    List<Integer> accepted =
        chunks.stream()
            .map(chunk -> chunk.at("/usage/completion_tokens_details/accepted_prediction_tokens"))
            .map(JsonNode::intValue)
            .toList();
    assertThat(accepted).isSorted();
    assertThat(accepted.get(accepted.size() - 3)).isPositive();
  }

  @Test
  void aMessageIsAnsweredInTheBrowser(@TempDir Path profile) {
    Optional<Path> program = Browser.program();
    assumeTrue(program.isPresent(), "no Chromium on the path");
    String url = "http://127.0.0.1:" + server.port() + "/";
    try (Browser browser = Browser.open(program.get(), profile, url)) {
      browser.await("document.getElementById('model').textContent.includes('krait-tiny')");
      browser.evaluate(
          """
          kind.value = 'text'; temperature.value = 0; max_tokens.value = 60;
          message.value = 'Once upon a time'; form.requestSubmit();\
          """);
      browser.await("document.querySelector('.numbers')?.textContent.includes('60 tokens')");
      String shown =
          browser.evaluate("document.querySelector('.model .text').textContent").stringValue();
      JsonNode plain =
          http.post(
                  "/v1/completions",
                  "{'prompt':'Once upon a time','max_tokens':60,'temperature':0}")
              .json();
      assertThat(shown.replace("✕", "")).isEqualTo(plain.at("/choices/0/text").stringValue());
      assertThat(browser.evaluate("document.querySelectorAll('.step.drafted').length").intValue())
          .isPositive();
      browser.evaluate("temperature.value = -1; message.value = 'x'; form.requestSubmit();");
      browser.await("document.querySelector('.error')?.textContent.includes('temperature')");
      String file = System.getProperty("krait.test.screenshot", "");
      if (!file.isEmpty()) {
        browser.screenshot(Path.of(file));
      }
    }
  }
}
