package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The server as a process of its own.
@Tag("slow")
class ProcessTest {
  private static final int SIGHUP = 1;
  private static final int SIGINT = 2;
  private static final Pattern READY = Pattern.compile("^ *http://127.0.0.1:(\\d+)$");

  private static List<String> command() {
    List<String> command = new ArrayList<>();
    Collections.addAll(
        command,
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules",
        "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        System.getProperty("java.class.path"),
        "dev.krait.server.ServerMain");
    return command;
  }

  private static void signal(String name, Process process) throws Exception {
    Process signal = new ProcessBuilder("kill", name, String.valueOf(process.pid())).start();
    assertThat(signal.waitFor()).isZero();
  }

  /// A process that says that it is ready.
  ///
  /// @param output what it writes, open as long as it runs
  private record Running(Process process, BufferedReader output, HttpCalls http)
      implements AutoCloseable {
    static Running start(String... more) throws IOException {
      List<String> command = command();
      Collections.addAll(
          command,
          "serve",
          "--model",
          TestServer.modelFolder().toString(),
          "--speculation",
          "off",
          "--port",
          "0",
          "--grpc-port",
          "0",
          "--drain-timeout",
          "1800");
      Collections.addAll(command, more);
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      BufferedReader output = process.inputReader();
      String line = output.readLine();
      while (line != null) {
        Matcher ready = READY.matcher(line);
        if (ready.find()) {
          HttpCalls http = new HttpCalls(Integer.parseInt(ready.group(1)));
          return new Running(process, output, http);
        }
        line = output.readLine();
      }
      throw new AssertionError("the server did not start");
    }

    void hangUp() throws Exception {
      signal("-HUP", process);
    }

    int status(String key) {
      return http.get("/version", "authorization", "Bearer " + key).status();
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  @Test
  void anInterruptEndsAReplyOfAChatAndNotTheChat() throws Exception {
    assumeFalse(isIgnored(SIGINT), "SIGINT is ignored from the start, as in a script's background");
    List<String> command = command();
    Collections.addAll(command, "chat", TestServer.modelFolder().toString(), "--temperature", "0");
    Process process = new ProcessBuilder(command).start();
    try (BufferedReader replies = process.inputReader();
        BufferedReader notes = process.errorReader()) {
      Writer input = process.outputWriter();
      input.write("Tell me a very long story.\n");
      input.flush();
      assertThat(replies.read()).isPositive();
      signal("-INT", process);
      input.write("What is the moon?\n");
      input.close();
      assertThat(replies.lines().toList().getLast()).startsWith("The moon is a celestial body");
      assertThat(notes.lines().toList())
          .contains("krait: the generation was cancelled")
          .last()
          .asString()
          .matches("2 replies, \\d+ tokens, \\d+\\.\\d tokens/s");
      assertThat(process.waitFor()).isEqualTo(Exit.OK);
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void finishesStreamsBeforeItEnds() throws Exception {
    try (Running server = Running.start();
        HttpCalls.Raw raw = server.http().raw()) {
      raw.post(
          "/v1/completions",
          "{'prompt': 'Once', 'max_tokens': 400, 'ignore_eos': true, 'stream': true}");
      raw.readUntil("}\n\n\r\n");
      server.process().destroy();
      assertThat(raw.readUntil("0\r\n\r\n")).contains("[DONE]");
      assertThat(server.process().waitFor()).isEqualTo(Exit.OK);
    }
  }

  @Test
  void aSecondSignalHurriesAndClientsAreToldWhy() throws Exception {
    try (Running server = Running.start();
        HttpCalls.Raw raw = server.http().raw()) {
      raw.post(
          "/v1/completions", "{'prompt': 'Once', 'n': 64, 'max_tokens': 1900, 'ignore_eos': true}");
      Waiting.until(() -> server.http().get("/load").text().equals("{\"server_load\":1}"));
      server.process().destroy();
      Waiting.until(() -> server.http().get("/health").status() == 503);
      server.process().destroy();
      assertThat(raw.readAll())
          .startsWith("HTTP/1.1 503")
          .contains("\"message\":\"the server is shutting down\"");
      assertThat(server.process().waitFor()).isEqualTo(Exit.BROKEN_OFF);
    }
  }

  /// @param prompt a JSON text or list of token ids
  private static JsonNode turn(Running server, String prompt) {
    HttpCalls.Reply reply =
        server
            .http()
            .post(
                "/v1/completions",
                "{'prompt': "
                    + prompt
                    + ", 'max_tokens': 24, 'ignore_eos': true, 'temperature': 0.8, 'seed': 5,"
                    + " 'logprobs': 3, 'return_token_ids': true, 'session_id': 'a'}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    return reply.json();
  }

  @Test
  void aSavedSessionOutlivesAKilledProcess(@TempDir Path folder) throws Exception {
    String[] options = {"--session-dir", folder.toString(), "--restore-sessions", "lazy"};
    String second;
    JsonNode expected;
    int held;
    try (Running server = Running.start(options)) {
      JsonNode first =
          turn(server, "'" + "Once upon a time a snake lived in a garden. ".repeat(10) + "'")
              .at("/choices/0");
      String ids = first.get("prompt_token_ids") + "," + first.get("token_ids") + ",[50,60,70]";
      second = ids.replace("],[", ",");
      held = server.http().post("/v1/sessions/a/save", "").json().get("tokens").intValue();
      expected = turn(server, second).get("choices");
      server.process().destroyForcibly().waitFor();
    }
    try (Running server = Running.start(options)) {
      JsonNode actual = turn(server, second);
      assertThat(actual.get("choices")).isEqualTo(expected);
      assertThat(held).isGreaterThan(64);
      assertThat(actual.at("/usage/prompt_tokens_details/cached_tokens").intValue())
          .isEqualTo(held);
    }
  }

  @Test
  void aHangUpOfTheTerminalDoesNotEndIt() throws Exception {
    try (Running server = Running.start()) {
      server.hangUp();
      assertThat(server.http().get("/health").status()).isEqualTo(200);
      server.process().destroy();
      assertThat(server.process().waitFor()).isEqualTo(Exit.OK);
    }
  }

  @Test
  void aHangUpReadsTheFileOfKeysAgain(@TempDir Path folder) throws Exception {
    assumeFalse(isIgnored(SIGHUP), "SIGHUP is ignored from the start, as under nohup");
    Path file = Files.writeString(folder.resolve("keys"), "old");
    FileTime time = Files.getLastModifiedTime(file);
    try (Running server = Running.start("--api-key-file", file.toString())) {
      assertThat(server.status("old")).isEqualTo(200);
      Files.writeString(file, "new");
      // By its looks the file has not changed, so that nothing but the signal makes it read.
      Files.setLastModifiedTime(file, time);
      server.hangUp();
      Waiting.until(() -> server.status("new") == 200);
      assertThat(server.status("old")).isEqualTo(401);
    }
  }

  /// A process hands on which signals it ignores; the virtual machine leaves those alone.
  private static boolean isIgnored(int signal) throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return false;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
        .anyMatch(ignored -> (ignored >>> (signal - 1) & 1) != 0);
  }
}
