package dev.krait.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/// One streamed request to the own server: loads every class that a first request needs, for the
/// archive of classes that later starts use.
final class WarmUp {
  private WarmUp() {}

  /// Sends requests and reads the answers.
  ///
  /// @return true when each was answered with 200
  static boolean answers(int port) {
    String messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";
    String options = "\"max_tokens\":4,\"logprobs\":true,\"stream\":";
    return post(port, "/v1/chat/completions", "{" + messages + "," + options + "true}")
        && post(port, "/v1/chat/completions", "{" + messages + "," + options + "false}")
        && post(port, "/v1/completions", "{\"prompt\":\"Once\",\"max_tokens\":4}")
        && post(port, "/tokenize", "{" + messages + "}");
  }

  private static boolean post(int port, String path, String body) {
    String request =
        "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            .formatted(path, body.length(), body);
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      socket.getOutputStream().flush();
      byte[] reply = socket.getInputStream().readAllBytes();
      return new String(reply, StandardCharsets.UTF_8).startsWith("HTTP/1.1 200");
    } catch (IOException e) {
      return false;
    }
  }
}
