package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.ServerConfig;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.HttpCalls.Reply;
import dev.krait.server.testing.TestServer;
import dev.krait.service.KeyLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// `/v1/sessions` and the field `session_id`.
class SessionsTest {
  private static final String LONG = "one two three four five six seven eight nine ten ".repeat(2);

  @TempDir private Path folder;

  private TestServer start(boolean lazy) {
    return TestServer.start(config -> saving(config, 1 << 20, lazy));
  }

  private ServerConfig saving(ServerConfig config, long maxBytes, boolean lazy) {
    return config.with(
        set -> set.sessions = new ServerConfig.SavedSessions(Optional.of(folder), maxBytes, lazy));
  }

  private static Reply complete(HttpCalls http, String session, String... headers) {
    return http.post(
        "/v1/completions",
        "{'prompt': '" + LONG + "', 'max_tokens': 4, 'session_id': '" + session + "'}",
        headers);
  }

  /// Completes, and gives the body of the turn behind the reply.
  private static String continued(HttpCalls http, String session) {
    JsonNode said =
        http.post(
                "/v1/completions",
                "{'prompt': '"
                    + LONG
                    + "', 'max_tokens': 4, 'return_token_ids': true, 'session_id': '"
                    + session
                    + "'}")
            .json()
            .at("/choices/0");
    String ids = said.get("prompt_token_ids") + "," + said.get("token_ids") + ",[5]";
    return "{'prompt': "
        + ids.replace("],[", ",")
        + ", 'max_tokens': 4, 'session_id': '"
        + session
        + "'}";
  }

  private static Reply act(HttpCalls http, String path, String... headers) {
    return http.post("/v1/sessions/" + path, "", headers);
  }

  private static void assertRefused(Reply reply, int status, String message) {
    assertThat(reply.status()).as(reply.text()).isEqualTo(status);
    assertThat(reply.json().at("/error/message").stringValue()).contains(message);
  }

  @Test
  void aSessionIsMadeByTheRequestThatNamesItAndHoldsItsPrompt() {
    try (TestServer server = start(false)) {
      HttpCalls http = server.http();
      assertThat(complete(http, "chat-1").status()).isEqualTo(200);
      JsonNode one = http.get("/v1/sessions/chat-1").json();
      assertThat(one.get("id").stringValue()).isEqualTo("chat-1");
      assertThat(one.get("object").stringValue()).isEqualTo("session");
      assertThat(one.get("tokens").intValue()).isGreaterThanOrEqualTo(32);
      assertThat(one.get("saved_bytes").intValue()).isZero();
      JsonNode empty = http.call("PUT", "/v1/sessions/chat-2", "").json();
      assertThat(empty.get("tokens").intValue()).isZero();
      assertThat(ids(http)).containsExactly("chat-1", "chat-2");
      JsonNode gone = http.call("DELETE", "/v1/sessions/chat-1", "").json();
      assertThat(gone.get("deleted").booleanValue()).isTrue();
      assertThat(ids(http)).containsExactly("chat-2");
      assertRefused(http.get("/v1/sessions/chat-1"), 404, "no such session");
      assertRefused(http.call("DELETE", "/v1/sessions/chat-1", ""), 404, "no such session");
    }
  }

  private static List<String> ids(HttpCalls http, String... headers) {
    return http.get("/v1/sessions", headers)
        .json()
        .get("data")
        .valueStream()
        .map(item -> item.get("id").stringValue())
        .toList();
  }

  @Test
  void chatsAndResponsesNameSessionsToo() {
    try (TestServer server = start(false)) {
      HttpCalls http = server.http();
      Reply chat =
          http.post(
              "/v1/chat/completions",
              "{'messages': [{'role': 'user', 'content': '" + LONG + "'}], 'session_id': 'c'}");
      assertThat(chat.status()).as(chat.text()).isEqualTo(200);
      Reply response = http.post("/v1/responses", "{'input': '" + LONG + "', 'session_id': 'r'}");
      assertThat(response.status()).as(response.text()).isEqualTo(200);
      assertThat(ids(http)).containsExactly("c", "r");
      assertRefused(
          http.post("/v1/completions", "{'prompt': 'a', 'n': 2, 'session_id': 'c'}"),
          400,
          "session_id: 2 sequences (expected: none, or one sequence)");
    }
  }

  @Test
  void whatIsSavedIsRestoredForkedAndDeleted() throws IOException {
    int tokens;
    try (TestServer server = start(false)) {
      HttpCalls http = server.http();
      assertThat(complete(http, "a").status()).isEqualTo(200);
      JsonNode saved = act(http, "a/save").json();
      tokens = saved.get("tokens").intValue();
      assertThat(saved.get("saved_bytes").longValue())
          .isEqualTo(Files.size(folder.resolve("open/a.session")))
          .isPositive();
    }
    try (TestServer server = start(false)) {
      HttpCalls http = server.http();
      assertThat(ids(http)).as("on the disk").containsExactly("a");
      assertRefused(http.get("/v1/sessions/a"), 404, "no such session");
      assertThat(act(http, "a/restore").json().get("tokens").intValue()).isEqualTo(tokens);
      Reply fork = http.post("/v1/sessions/a/fork", "{'session_id': 'b'}");
      assertThat(fork.json().get("id").stringValue()).isEqualTo("b");
      assertThat(fork.json().get("tokens").intValue()).isEqualTo(tokens);
      assertRefused(http.post("/v1/sessions/a/fork", "{'session_id': 'b'}"), 400, "exists");
      assertRefused(http.post("/v1/sessions/a/fork", "{}"), 400, "session_id: missing");
      assertThat(http.call("DELETE", "/v1/sessions/a", "").status()).isEqualTo(200);
      assertThat(folder.resolve("open/a.session")).doesNotExist();
      assertRefused(act(http, "a/restore"), 404, "not saved");
      assertRefused(act(http, "b/rename"), 404, "save, restore or fork");
    }
  }

  @Test
  void lazilyRestoredSessionsAreThereWhenARequestNamesThem() throws IOException {
    String next;
    try (TestServer server = start(true)) {
      next = continued(server.http(), "a");
      act(server.http(), "a/save");
      complete(server.http(), "b");
      act(server.http(), "b/save");
    }
    byte[] damaged = Files.readAllBytes(folder.resolve("open/b.session"));
    damaged[damaged.length - 5] ^= 1;
    Files.write(folder.resolve("open/b.session"), damaged);
    Path left = Files.writeString(folder.resolve("open/a.session.1.unfinished"), "half");
    try (TestServer server = start(true)) {
      HttpCalls http = server.http();
      assertThat(left).doesNotExist();
      Reply reply = http.post("/v1/completions", next);
      assertThat(reply.json().at("/usage/prompt_tokens_details/cached_tokens").intValue())
          .isGreaterThanOrEqualTo(32);
      assertThat(http.get("/v1/sessions/b").status()).as("damaged").isEqualTo(404);
      assertThat(complete(http, "b").status()).isEqualTo(200);
      assertRefused(act(http, "b/restore"), 400, "b.session: damaged");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"..", ".hidden", "%2e%2e%2fother", "a%2fb%2fc", "a%00b", "%C3%A4", "-a", "a%20b"})
  void whatIsNoIdIsRefused(String id) throws IOException {
    try (TestServer server = start(true)) {
      for (String method : List.of("PUT", "GET", "DELETE")) {
        try (HttpCalls.Raw raw = server.http().raw()) {
          raw.send(
              method
                  + " /v1/sessions/"
                  + id
                  + " HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
          assertThat(raw.readAll()).startsWith("HTTP/1.1 400").contains("session_id: ");
        }
      }
      assertRefused(complete(server.http(), "../../x"), 400, "session_id: ../../x (expected: 1 to");
      assertRefused(complete(server.http(), "a".repeat(129)), 400, "1 to 128 letters");
    }
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(Files::isRegularFile)).isEmpty();
    }
  }

  @Test
  void eachKeyHasSessionsOfItsOwn() throws IOException {
    Path keys = Files.writeString(folder.resolve("keys"), "ann:first\nbob:second\n");
    ApiKeys.Source source =
        new ApiKeys.Source("api-key", false, Optional.empty(), Optional.of(keys));
    try (TestServer server =
        TestServer.start(config ->
            saving(config, 1 << 20, false)
                .with(set ->
                    set.keys =
                        new ServerConfig.Keys(List.of(source), KeyLimits.Most.none(), false)))) {
      HttpCalls http = server.http();
      String[] ann = {"authorization", "Bearer first"};
      String[] bob = {"authorization", "Bearer second"};
      assertThat(complete(http, "a", ann).status()).isEqualTo(200);
      assertThat(act(http, "a/save", ann).status()).isEqualTo(200);
      assertThat(folder.resolve("key-ann/a.session")).exists();
      assertThat(ids(http, ann)).containsExactly("a");
      assertThat(ids(http, bob)).isEmpty();
      assertRefused(http.get("/v1/sessions/a", bob), 404, "no such session");
      assertRefused(act(http, "a/restore", bob), 404, "not saved");
      assertRefused(act(http, "a/save", bob), 404, "no such session");
      assertThat(http.call("DELETE", "/v1/sessions/a", "", bob).status()).isEqualTo(404);
      assertThat(http.get("/v1/sessions").status()).isEqualTo(401);
    }
  }

  @Test
  void moreThanTheDiskMayTakeIsRefused() {
    try (TestServer server = TestServer.start(config -> saving(config, 100, false))) {
      complete(server.http(), "a");
      act(server.http(), "a/save");
      complete(server.http(), "b");
      assertRefused(
          act(server.http(), "b/save"), 429, "(expected: at most 4096 files of 100 bytes");
    }
    try (TestServer server = TestServer.start()) {
      complete(server.http(), "a");
      assertRefused(act(server.http(), "a/save"), 400, "a server with --session-dir");
    }
  }
}
