package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.engine.EngineConfig;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.GenerateResponse;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.proto.inference.v1.Stop;
import dev.krait.server.ServerConfig;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What gRPC clients share with those of HTTP, and what each connection and call may take.
class GrpcBudgetsTest {
  private static final int BODY = 16 << 10;
  private static final Duration LONG = Duration.ofMinutes(30);
  private static final GenerateRequest REQUEST =
      GenerateRequest.newBuilder()
          .setPrompt("a")
          .setMaxTokens(50)
          .setStop(Stop.newBuilder().setIgnoreEndTokens(true))
          .build();

  private static ServerConfig with(
      ServerConfig config, Duration requestTimeout, Duration writeTimeout) {
    HttpServerConfig http =
        HttpServerConfig.of(
            "127.0.0.1",
            0,
            set -> {
              set.maxBodyBytes = BODY;
              set.maxHeaderBytes = 4096;
              set.requestTimeout = requestTimeout;
              set.idleTimeout = LONG;
              set.writeTimeout = writeTimeout;
              set.bodyMemory = Optional.of((long) (4 * BODY));
              set.maxConnections = 16;
              set.allowedOrigins = List.of();
            });
    return config.with(set -> set.http = http);
  }

  private static ServerConfig small(ServerConfig config) {
    return with(config, LONG, LONG);
  }

  private static Iterator<GenerateResponse> generate(ManagedChannel channel) {
    return InferenceServiceGrpc.newBlockingStub(channel).generate(REQUEST);
  }

  /// Reads a whole answer: what a client leaves unread leaks in the client.
  private static boolean answers(ManagedChannel channel) {
    Iterator<GenerateResponse> answer = generate(channel);
    boolean any = answer.hasNext();
    answer.forEachRemaining(_ -> {});
    return any;
  }

  private static ManagedChannel open(TestServer server) {
    return NettyChannelBuilder.forAddress("127.0.0.1", port(server)).usePlaintext().build();
  }

  private static int port(TestServer server) {
    return server.server().grpcPort().orElseThrow();
  }

  /// A server of eight places, two of them for each client.
  private static ServerConfig shared(ServerConfig config) {
    EngineConfig engine =
        EngineConfig.of(
            config.engine().modelFolder(),
            set -> {
              set.maxSequences = 4;
              set.maxWaiting = 4;
            });
    return config.with(set -> {
      set.engine = engine;
      set.clientShare = 25;
    });
  }

  @Test
  void aClientHasOneShareOfThePlacesOverBothProtocols() {
    try (TestServer server = TestServer.start(GrpcBudgetsTest::shared);
        HttpCalls.Raw http = server.http().raw()) {
      ManagedChannel channel = open(server);
      server.runner().hold();
      http.post("/v1/completions", "{'prompt': 'a', 'n': 2}");
      Waiting.until(() -> server.server().requests() == 1);
      assertThatThrownBy(() -> generate(channel).next())
          .hasMessageStartingWith("RESOURCE_EXHAUSTED: sequences: 2 of this client are here");
      server.runner().release();
      assertThat(http.readUntil("\"usage\"")).startsWith("HTTP/1.1 200");
      Waiting.until(() -> server.server().requests() == 0);
      assertThat(answers(channel)).isTrue();
      channel.shutdownNow();
    }
  }

  @Test
  void drainingWaitsForCalls() {
    try (TestServer server = TestServer.start()) {
      ManagedChannel channel = open(server);
      server.runner().hold();
      Iterator<GenerateResponse> answer = generate(channel);
      Waiting.until(() -> server.server().requests() == 1);
      assertThat(server.server().unanswered()).isEqualTo(1);
      assertThat(server.server().drain(1)).isFalse();
      server.runner().release();
      answer.forEachRemaining(_ -> {});
      assertThat(server.server().drain(LONG.toNanos())).isTrue();
      assertThat(server.server().unanswered()).isZero();
      channel.shutdownNow();
    }
  }

  @Test
  void messagesShareTheMemoryOfBodies() {
    try (TestServer server = TestServer.start(GrpcBudgetsTest::small)) {
      ManagedChannel channel = open(server);
      try (RawCalls calls = new RawCalls(port(server), 65_535)) {
        for (int i = 0; i < 4; i++) {
          calls.begin(2 * i + 1);
          calls.data(2 * i + 1, BODY, BODY / 2);
          calls.more(2 * i + 1, BODY / 2 - 1);
        }
        assertThat(calls.nextEnd()).as("the call that is refused").isBetween(1, 7);
        assertThat(answers(channel)).as("small ones find room").isTrue();
        assertThat(tokenize(server)).isEqualTo(503);
      }
      Waiting.until(() -> tokenize(server) == 200);
      channel.shutdownNow();
    }
  }

  /// Status of a body that is nearly as long as one may be.
  private static int tokenize(TestServer server) {
    String body = "{'prompt': 'a'" + " ".repeat(BODY - 20) + "}";
    return server.http().post("/tokenize", body).status();
  }

  @Test
  void aRequestThatDoesNotBecomeWholeIsRefused() {
    try (TestServer server =
            TestServer.start(config -> with(config, Duration.ofMillis(100), LONG));
        RawCalls calls = new RawCalls(port(server), 65_535)) {
      calls.begin(1);
      assertThat(calls.nextEnd()).isEqualTo(1);
      calls.begin(3);
      calls.data(3, 100, 50);
      assertThat(calls.nextEnd()).isEqualTo(3);
      assertThat(server.server().unanswered()).isZero();
    }
  }

  @Test
  void aClientThatDoesNotReadLosesItsConnection() {
    try (TestServer server = TestServer.start(config -> with(config, LONG, Duration.ofMillis(50)));
        RawCalls calls = new RawCalls(port(server), 0)) {
      byte[] message = REQUEST.toByteArray();
      calls.begin(1);
      calls.message(1, message);
      assertThat(calls.nextEnd()).as("no end: the connection is closed").isEqualTo(-1);
      Waiting.until(() -> server.server().unanswered() == 0);
    }
  }

  @Test
  void connectionsBeyondTheLimitAreClosed() throws IOException {
    try (TestServer server = TestServer.start(GrpcBudgetsTest::small)) {
      RawCalls[] open = new RawCalls[8];
      for (int i = 0; i < open.length; i++) {
        open[i] = new RawCalls(port(server), 65_535);
        assertThat(open[i].nextFrame()).as("the server's settings").isTrue();
      }
      try (Socket more = new Socket(InetAddress.getLoopbackAddress(), port(server))) {
        assertThat(more.getInputStream().read()).isEqualTo(-1);
      }
      open[3].close();
      Waiting.until(() -> {
        try (RawCalls again = new RawCalls(port(server), 65_535)) {
          return again.nextFrame();
        }
      });
      for (RawCalls each : open) {
        each.close();
      }
    }
  }

  /// HTTP/2 by hand: calls of Generate that may stay without an end, and are never read.
  private static final class RawCalls implements AutoCloseable {
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;

    private final Socket socket;
    private final OutputStream out;
    private final DataInputStream in;
    private int type;
    private int flags;
    private int stream;

    /// Connects.
    ///
    /// @param window bytes that the server may send on each stream
    RawCalls(int port, int window) {
      try {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        out = socket.getOutputStream();
        in = new DataInputStream(socket.getInputStream());
        out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        frame(SETTINGS, 0, 0, ByteBuffer.allocate(6).putShort((short) 4).putInt(window).array());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private void frame(int kind, int bits, int id, byte[] payload) {
      ByteBuffer bytes = ByteBuffer.allocate(9 + payload.length);
      bytes.putInt(payload.length << 8 | kind).put((byte) bits).putInt(id).put(payload);
      try {
        out.write(bytes.array());
      } catch (IOException closed) {
        // Who reads is told, too.
      }
    }

    void begin(int id) {
      ByteBuffer head = ByteBuffer.allocate(512);
      for (String field :
          List.of(
              ":method=POST",
              ":scheme=http",
              ":path=/krait.inference.v1.InferenceService/Generate",
              ":authority=localhost",
              "te=trailers",
              "content-type=application/grpc")) {
        String[] pair = field.split("=", -1);
        head.put((byte) 0)
            .put((byte) pair[0].length())
            .put(pair[0].getBytes(StandardCharsets.US_ASCII));
        head.put((byte) pair[1].length()).put(pair[1].getBytes(StandardCharsets.US_ASCII));
      }
      byte[] payload = new byte[head.position()];
      head.flip().get(payload);
      frame(HEADERS, END_HEADERS, id, payload);
    }

    /// Sends the first bytes of a message.
    void data(int id, int length, int sent) {
      frame(DATA, 0, id, ByteBuffer.allocate(5 + sent).put((byte) 0).putInt(length).array());
    }

    void more(int id, int sent) {
      frame(DATA, 0, id, new byte[sent]);
    }

    void message(int id, byte[] message) {
      ByteBuffer bytes = ByteBuffer.allocate(5 + message.length);
      bytes.put((byte) 0).putInt(message.length).put(message);
      frame(DATA, END_STREAM, id, bytes.array());
    }

    /// Reads one frame.
    ///
    /// @return false when the server has closed the connection
    boolean nextFrame() {
      try {
        int head = in.readInt();
        type = head & 255;
        flags = in.readUnsignedByte();
        stream = in.readInt();
        in.skipNBytes(head >>> 8);
        return true;
      } catch (EOFException | SocketException closed) {
        return false;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /// Waits for the end of a call.
    ///
    /// @return its stream; -1 when the server has closed the connection
    int nextEnd() {
      while (nextFrame()) {
        if (type == HEADERS && (flags & END_STREAM) != 0) {
          return stream;
        }
      }
      return -1;
    }

    @Override
    public void close() {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
