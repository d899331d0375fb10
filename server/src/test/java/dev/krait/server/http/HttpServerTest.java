package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.Waiting;
import dev.krait.service.Admission;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/// The HTTP server by itself: what it waits for, and what ends it.
class HttpServerTest {
  private final List<Throwable> failures = new ArrayList<>();
  private final Admission admission = new Admission(1);
  private final HttpServerConfig config = HttpServerConfig.of("127.0.0.1", 0);

  private HttpServer open(HttpHandler handler) {
    HttpRouter routes =
        HttpRouter.builder(ApiKeys.none(), WebAccess.of(config), (_, _, _) -> {})
            .on(HttpRouter.Access.OPEN, "GET", "/", handler)
            .build();
    return HttpServer.open(config, routes, admission, failures::add);
  }

  @Test
  void everyExchangeCountsUntilItsAnswerIsWritten() {
    CountDownLatch answer = new CountDownLatch(1);
    HttpHandler waits =
        exchange -> {
          try {
            answer.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          exchange.respondJson(new byte[0]);
        };
    try (HttpServer server = open(waits);
        HttpCalls.Raw staying = new HttpCalls(server.port()).raw()) {
      HttpCalls.Raw leaving = new HttpCalls(server.port()).raw();
      leaving.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
      staying.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
      Waiting.until(() -> admission.unanswered() == 2);
      assertThat(admission.awaitAnswered(1)).isFalse();
      answer.countDown();
      assertThat(admission.awaitAnswered(Long.MAX_VALUE)).isTrue();
      assertThat(staying.readUntil("\r\n\r\n")).startsWith("HTTP/1.1 200");
      leaving.close();
    }
    assertThat(failures).as("closing is no failure").isEmpty();
  }

  @Test
  void anAnswerThatComesAfterTheServerHasClosedLeavesNoTrace() throws InterruptedException {
    CountDownLatch answer = new CountDownLatch(1);
    CountDownLatch answered = new CountDownLatch(1);
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    lines.start();
    root.addAppender(lines);
    HttpServer server =
        open(exchange -> {
          while (answer.getCount() > 0) {
            try {
              answer.await();
            } catch (InterruptedException closing) {
              // The answer comes all the same.
            }
          }
          exchange.respondJson(new byte[0]);
          answered.countDown();
        });
    try (HttpCalls.Raw client = new HttpCalls(server.port()).raw()) {
      client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
      Waiting.until(() -> admission.unanswered() == 1);
      server.close();
      answer.countDown();
      answered.await();
      assertThat(lines.list).isEmpty();
    } finally {
      root.detachAppender(lines);
    }
  }

  @Test
  void anErrorOfOneRequestIsAnsweredAndTheNextIsServed() {
    try (HttpServer server =
        open(exchange -> {
          throw new StackOverflowError("planted");
        })) {
      HttpCalls http = new HttpCalls(server.port());
      assertThat(http.get("/").status()).isEqualTo(500);
      assertThat(http.get("/").status()).isEqualTo(500);
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void aMachineErrorOnAnEventLoopIsToldAtOnce() {
    HttpShared shared =
        new HttpShared(
            config,
            new Connections(16),
            admission,
            () -> Routes.starting(WebAccess.of(config)),
            Executors.newVirtualThreadPerTaskExecutor(),
            failures::add);
    connection(shared).fireExceptionCaught(new IllegalStateException("one connection"));
    assertThat(failures).isEmpty();
    OutOfMemoryError full = new OutOfMemoryError("planted");
    connection(shared).fireExceptionCaught(full);
    assertThat(failures).containsExactly(full);
    shared.handlers().shutdown();
  }

  private static ChannelPipeline connection(HttpShared shared) {
    HttpServerConfig config = shared.config();
    RequestClock clock =
        new RequestClock(config.requestTimeout(), config.idleTimeout(), shared.connections());
    return new EmbeddedChannel(new ConnectionHandler(shared, clock)).pipeline();
  }
}
