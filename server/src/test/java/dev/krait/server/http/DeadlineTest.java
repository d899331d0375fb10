package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeadlineTest {
  private static final String PROMPT = "'prompt': 'a'";
  private static final String CHAT = "'messages': [{'role': 'user', 'content': 'a'}]";

  private TestServer server;

  @BeforeEach
  void start() {
    server = TestServer.start();
    server.runner().hold();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static String body(String path, double timeout, boolean stream) {
    String prompt = path.contains("chat") ? CHAT : PROMPT;
    return "{%s, 'max_tokens': 20, 'ignore_eos': true, 'timeout': %s, 'stream': %s}"
        .formatted(prompt, timeout, stream);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v1/completions", "/v1/chat/completions"})
  void aWholeAnswerThatTakesTooLongIsAnErrorOfItsOwnStatus(String path) {
    try (HttpCalls.Raw raw = server.http().raw()) {
      raw.post(path, body(path, 3600, false));
      server.runner().permit(1);
      letHoursPassAfterSteps(3);
      assertThat(raw.readUntil("}}"))
          .startsWith("HTTP/1.1 504 ")
          .contains("\"type\":\"DeadlineExceededError\"")
          .contains("\"code\":\"deadline_exceeded\"");
    }
    assertThat(server.runner().steps()).isEqualTo(4);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v1/completions", "/v1/chat/completions"})
  void aStreamThatTakesTooLongEndsWithAnError(String path) {
    try (HttpCalls.Raw raw = server.http().raw()) {
      raw.post(path, body(path, 3600, true));
      server.runner().permit(1);
      assertThat(raw.readUntil("}\n\n\r\n")).startsWith("HTTP/1.1 200 ");
      letHoursPassAfterSteps(3);
      String answer = raw.readUntil("0\r\n\r\n");
      assertThat(answer).contains("\"code\":\"deadline_exceeded\"");
      assertThat(answer.indexOf("[DONE]")).isGreaterThan(answer.indexOf("deadline_exceeded"));
    }
    assertThat(server.runner().steps()).isEqualTo(4);
  }

  @Test
  void aStreamThatNeverBeginsHasTheStatusOfTheError() {
    server.runner().release();
    HttpCalls.Reply reply =
        server.http().post("/v1/completions", body("/v1/completions", 1e-9, true));
    assertThat(reply.status()).isEqualTo(504);
    assertThat(reply.json().at("/error/message").stringValue()).startsWith("deadline: passed");
    assertThat(server.runner().steps()).isZero();
  }

  @Test
  void enoughTimeChangesNothing() {
    server.runner().release();
    HttpCalls.Reply reply =
        server.http().post("/v1/completions", body("/v1/completions", 604_800, false));
    assertThat(reply.status()).isEqualTo(200);
    assertThat(reply.json().at("/usage/completion_tokens").intValue()).isEqualTo(20);
  }

  /// Lets steps pass until there were so many, and then one more whose end comes after the
  /// deadline.
  private void letHoursPassAfterSteps(int steps) {
    server.runner().permit(steps - 1);
    Waiting.until(() -> server.runner().steps() == steps && server.runner().isHolding());
    server.skip(Duration.ofHours(1));
    server.runner().permit(1);
  }
}
