package dev.krait.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// A few requests to an own server: they load every class that a first request needs, for the
/// archive of classes that later starts use, and compile what runs most.
final class WarmUp {
  private static final int ROUNDS = 3;
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long POLL_NANOS = 100_000;
  private static final String MESSAGES = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

  private WarmUp() {}

  /// Sends requests until they are fast, for a bounded time.
  ///
  /// @param chat whether the model has a chat template
  /// @param idle true once the engine has told everybody of its last step
  static void run(int port, boolean chat, BooleanSupplier idle) {
    long end = System.nanoTime() + LIMIT_NANOS;
    for (int i = 0; i < ROUNDS && System.nanoTime() < end; i++) {
      var _ = chat && chats(port, end);
      var _ = completes(port, end);
    }
    while (!idle.getAsBoolean() && System.nanoTime() < end) {
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /// Sends requests and reads the answers.
  ///
  /// @return true when each was answered with 200
  static boolean answers(int port) {
    long end = System.nanoTime() + 6 * LIMIT_NANOS;
    return chats(port, end)
        && completes(port, end)
        && post(port, "/tokenize", "{" + MESSAGES + "}", end);
  }

  private static boolean chats(int port, long end) {
    String body = "{" + MESSAGES + ",\"max_tokens\":8,\"logprobs\":true,\"stream\":";
    return post(port, "/v1/chat/completions", body + "true}", end)
        && post(port, "/v1/chat/completions", body + "false}", end);
  }

  private static boolean completes(int port, long end) {
    return post(port, "/v1/completions", "{\"prompt\":\"Once\",\"max_tokens\":8}", end);
  }

  private static boolean post(int port, String path, String body, long end) {
    String request =
        "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            .formatted(path, body.length(), body);
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      socket.setSoTimeout((int) Math.max(1, left));
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      socket.getOutputStream().flush();
      byte[] reply = socket.getInputStream().readAllBytes();
      return new String(reply, StandardCharsets.UTF_8).startsWith("HTTP/1.1 200");
    } catch (IOException e) {
      return false;
    }
  }
}
