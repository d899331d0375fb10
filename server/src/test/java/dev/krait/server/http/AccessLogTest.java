package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.krait.engine.SentCommands;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class AccessLogTest {
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(AccessLog.LOGGER);

  @BeforeEach
  void listen() {
    lines.list = new CopyOnWriteArrayList<>();
    lines.start();
    logger.setLevel(Level.INFO);
    logger.addAppender(lines);
  }

  @AfterEach
  void stop() {
    logger.detachAppender(lines);
    logger.setLevel(null);
  }

  private List<String> await(int count) {
    Waiting.until(() -> lines.list.size() >= count);
    return lines.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  @Test
  void aWholeAnswerLeavesOneLineWithItsTokens() {
    try (TestServer server = TestServer.start(TestServer::logging)) {
      server
          .http()
          .post(
              "/v1/completions?secret=1",
              "{'prompt': [50, 60, 70], 'max_tokens': 3, 'n': 2}",
              "x-request-id",
              "call-7");
      assertThat(await(1))
          .singleElement()
          .asString()
          .matches("POST /v1/completions 200 \\d+\\.\\d ms id=call-7 prompt=3 completion=6");
    }
  }

  @Test
  void aStreamLeavesOneLineAtItsEnd() {
    try (TestServer server = TestServer.start(TestServer::logging)) {
      server
          .http()
          .post(
              "/v1/chat/completions",
              "{'messages': [{'role': 'user', 'content': 'a hidden word'}], 'stream': true,"
                  + " 'max_tokens': 4}");
      assertThat(await(1))
          .singleElement()
          .asString()
          .matches(
              "POST /v1/chat/completions 200 \\d+\\.\\d ms id=[0-9a-f]{32} prompt=\\d+"
                  + " completion=4");
    }
  }

  @Test
  void aStreamThatTheClientLeavesIsLoggedAsBrokenOff() {
    try (TestServer server = TestServer.start(TestServer::logging)) {
      server.runner().hold();
      try (HttpCalls.Raw raw = server.http().raw()) {
        raw.post("/v1/completions", "{'prompt': [50], 'max_tokens': 60, 'stream': true}");
        server.runner().permit(1);
        raw.readUntil("}\n\n\r\n");
      }
      Waiting.until(() -> SentCommands.any(server.server().engine().handle()));
      Waiting.until(() -> {
        server.runner().permit(1);
        return !lines.list.isEmpty();
      });
      assertThat(await(1))
          .singleElement()
          .asString()
          .matches("POST /v1/completions 200 .* prompt=1 completion=\\d+ broken off");
    }
  }

  @Test
  void whatGeneratesNothingHasNoTokens() {
    try (TestServer server = TestServer.start(TestServer::logging)) {
      // A line is written when its answer has been sent, so two calls may overtake each other.
      server.http().get("/health");
      await(1);
      server.http().post("/v1/completions", "{'prompt': 5}");
      await(2);
      server.http().call("GET", "/no/%0Aforged", "");
      List<String> written = await(3);
      assertThat(written.get(0)).matches("GET /health 200 .* prompt=- completion=-");
      assertThat(written.get(1))
          .matches(
              "POST /v1/completions 400 .* prompt=- completion=- error=invalid_value param=prompt");
      assertThat(written.get(2))
          .matches("GET /no/%0Aforged 404 .* prompt=- completion=- error=not_found");
    }
  }

  @Test
  void whatAClientSendsCannotBreakALine() {
    try (TestServer server = TestServer.start(TestServer::logging);
        HttpCalls.Raw raw = server.http().raw()) {
      raw.send("GET /" + "x".repeat(300) + " HTTP/1.1\r\nHost: t\r\nX-Request-Id: a b c\r\n\r\n");
      assertThat(await(1))
          .singleElement()
          .asString()
          .matches(
              "GET /x{199}\\.\\.\\. 404 .* id=a\\?b\\?c prompt=- completion=- error=not_found");
    }
  }

  @Test
  void anIdThatIsNotPrintableIsReplaced() {
    try (TestServer server = TestServer.start(TestServer::logging);
        HttpCalls.Raw raw = server.http().raw()) {
      raw.send("GET /version HTTP/1.1\r\nHost: t\r\nX-Request-Id: a b\u00e9c\r\n\r\n");
      assertThat(await(1))
          .singleElement()
          .asString()
          .matches("GET /version 200 .* id=[0-9a-f]{32} prompt=- completion=-");
    }
  }

  @Test
  void onlyFailuresLeaveALineUnlessAllAreAskedFor() {
    try (TestServer server = TestServer.start(UnaryOperator.identity())) {
      server.http().get("/health");
      server.http().get("/v2");
      await(1); // a line is written when its answer has been sent
      server.http().call("POST", "/v1/completions", "x".repeat((64 << 10) + 1));
      List<String> written = await(2);
      assertThat(written.get(0)).matches("GET /v2 404 .* error=not_found");
      assertThat(written.get(1)).isEqualTo("- - 413 error=request_too_large");
    }
  }
}
