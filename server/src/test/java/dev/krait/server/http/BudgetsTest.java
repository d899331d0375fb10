package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.server.ServerConfig;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import dev.krait.service.Admission;
import dev.krait.service.BodyMemory;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What connections and bodies may take together.
class BudgetsTest {
  private static final int BODY = 16 << 10;

  private static ServerConfig small(ServerConfig config) {
    HttpServerConfig http =
        HttpServerConfig.of(
            "127.0.0.1",
            0,
            set -> {
              set.maxBodyBytes = BODY;
              set.maxHeaderBytes = 4096;
              set.requestTimeout = Duration.ofMinutes(30);
              set.idleTimeout = Duration.ofMinutes(30);
              set.writeTimeout = Duration.ofMinutes(30);
              set.bodyMemory = Optional.of((long) (4 * BODY));
              set.maxConnections = 16;
              set.allowedOrigins = List.of();
            });
    return config.with(set -> set.http = http);
  }

  @Test
  void bodiesShareMemoryAndSmallOnesFindRoomBesideLargeOnes() {
    try (TestServer server = TestServer.start(BudgetsTest::small)) {
      List<HttpCalls.Raw> held = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        HttpCalls.Raw raw = server.http().raw();
        held.add(raw);
        raw.send("POST /tokenize HTTP/1.1\r\nHost: t\r\nContent-Length: " + BODY + "\r\n\r\n");
        raw.send("x".repeat(BODY - 1));
      }
      Waiting.until(() -> held.stream().anyMatch(BudgetsTest::isAnswered));
      assertThat(held).filteredOn(BudgetsTest::isAnswered).hasSize(1);
      HttpCalls.Raw refused =
          held.stream().filter(BudgetsTest::isAnswered).findFirst().orElseThrow();
      String refusal = refused.readAll();
      assertThat(refusal)
          .startsWith("HTTP/1.1 503")
          .contains("retry-after: 1", "connection: close", "\"code\":\"unavailable\"");
      assertThat(server.http().post("/tokenize", "{'prompt': 'a'}").status()).isEqualTo(200);

      held.forEach(HttpCalls.Raw::close);
      Waiting.until(() ->
          server.http().post("/tokenize", "{'prompt': 'a'" + " ".repeat(BODY - 20) + "}").status()
              == 200);
    }
  }

  private static boolean isAnswered(HttpCalls.Raw raw) {
    try {
      return raw.socket().getInputStream().available() > 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void memoryIsTakenAsBytesArriveAndGivenBackOnce() {
    BodyMemory memory = new BodyMemory(100 << 10);
    RequestBody body = new RequestBody(memory, 64 << 10);
    assertThat(memory.used()).as("a length alone takes nothing").isZero();
    assertThat(body.append(Unpooled.wrappedBuffer(new byte[20 << 10]))).isTrue();
    assertThat(memory.used()).isEqualTo(32 << 10);
    assertThat(body.append(Unpooled.wrappedBuffer(new byte[40 << 10])))
        .as("more than would be left")
        .isFalse();
    body.close();
    body.close();
    assertThat(memory.used()).isZero();
  }

  @Test
  void theBytesOfABodyStayInOrder() {
    byte[] sent = new byte[50_000];
    for (int i = 0; i < sent.length; i++) {
      sent[i] = (byte) (i * 31);
    }
    for (long announced : new long[] {sent.length, -1}) {
      RequestBody body = new RequestBody(new BodyMemory(1 << 20), announced);
      for (int at = 0; at < sent.length; at += 777) {
        int count = Math.min(777, sent.length - at);
        assertThat(body.append(Unpooled.wrappedBuffer(sent, at, count))).isTrue();
      }
      assertThat(body.whole()).isEqualTo(sent);
    }
  }

  @Test
  void beyondItsLimitAServerClosesTheConnectionThatIsIdleForLongest() {
    try (TestServer server = TestServer.start(BudgetsTest::small)) {
      List<HttpCalls.Raw> open = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        HttpCalls.Raw raw = server.http().raw();
        raw.send("GET /version HTTP/1.1\r\nHost: t\r\n\r\n").readUntil("}");
        open.add(raw);
      }
      open.getFirst().send("GET /version HTTP/1.1\r\nHost: t\r\n\r\n").readUntil("}");
      assertThat(server.http().raw().send("GET /version HTTP/1.0\r\n\r\n").readAll())
          .startsWith("HTTP/1.1 200");
      assertThat(open.get(1).readAll()).as("the longest idle one is closed").isEmpty();
      assertThat(open.getFirst().send("GET /version HTTP/1.1\r\nHost: t\r\n\r\n").readUntil("}"))
          .as("the one that was used again stays")
          .startsWith("HTTP/1.1 200");
      open.forEach(HttpCalls.Raw::close);
    }
  }

  @Test
  void aConnectionMoreIsRefusedWhenNoneIsIdle() {
    Connections connections = new Connections(2);
    EmbeddedChannel idle = new EmbeddedChannel();
    assertThat(connections.opened()).isTrue();
    assertThat(connections.opened()).isTrue();
    assertThat(connections.opened()).as("nobody is idle").isFalse();
    connections.closed(new EmbeddedChannel());
    connections.idle(idle);
    assertThat(connections.opened()).isTrue();
    assertThat(idle.isOpen()).isFalse();
  }

  private static void open(HttpServerConfig config) {
    HttpServer.open(config, Routes.starting(WebAccess.of(config)), new Admission(1), _ -> {})
        .close();
  }

  @Test
  void refusesLimitsThatCannotWork() {
    assertThatThrownBy(() -> open(HttpServerConfig.of("localhost1", 0)))
        .isInstanceOf(EngineException.class)
        .hasMessage(
            "host: localhost1, an unknown host (expected: a name or address of this machine)");
    HttpServerConfig usual = HttpServerConfig.of("127.0.0.1", 0);
    assertThat(usual.maxConnections()).isBetween(16, 4096);
    assertThat(usual.bodyMemory()).isEqualTo(Runtime.getRuntime().maxMemory() / 8);
  }
}
