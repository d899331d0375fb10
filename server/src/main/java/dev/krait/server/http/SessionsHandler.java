package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.openai.OpenAiJson;
import dev.krait.service.Admission;
import dev.krait.service.SessionService;
import dev.krait.service.SessionService.Item;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/// Answers `/v1/sessions` and what lies below.
final class SessionsHandler {
  /// Where sessions lie.
  static final String PATH = "/v1/sessions";

  private final SessionService sessions;

  /// Creates the handler; its calls run on the request's thread, because they wait.
  SessionsHandler(SessionService sessions) {
    this.sessions = sessions;
  }

  /// All sessions of the client.
  void list(HttpExchange exchange) {
    List<Item> items = sessions.list(exchange.client());
    exchange.respondJson(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          json.writeStringProperty("object", "list");
          json.writeArrayPropertyStart("data");
          items.forEach(item -> write(json, item));
          json.writeEndArray();
          json.writeEndObject();
        }));
  }

  /// One session.
  void get(HttpExchange exchange) {
    respond(exchange, sessions.get(exchange.client(), id(exchange)));
  }

  /// Makes a session unless there is one.
  void put(HttpExchange exchange) {
    respond(exchange, sessions.put(exchange.client(), id(exchange)));
  }

  /// Ends a session.
  void delete(HttpExchange exchange) {
    String id = id(exchange);
    sessions.delete(exchange.client(), id);
    exchange.respondJson(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          json.writeStringProperty("id", id);
          json.writeStringProperty("object", "session.deleted");
          json.writeBooleanProperty("deleted", true);
          json.writeEndObject();
        }));
  }

  /// `save`, `restore` or `fork` behind a session.
  void act(HttpExchange exchange) {
    List<String> parts = List.of(below(exchange).split("/", -1));
    String action = parts.size() == 2 ? parts.get(1) : "";
    String id = parts.getFirst();
    Admission.Client client = exchange.client();
    respond(
        exchange,
        switch (action) {
          case "save" -> sessions.save(client, id);
          case "restore" -> sessions.restore(client, id);
          case "fork" -> sessions.fork(client, id, target(exchange));
          default ->
              throw new EngineException(
                  ErrorCode.NOT_FOUND,
                  "path",
                  "path: %s (expected: %s/{id}/save, restore or fork)"
                      .formatted(EngineException.shown(HttpRouter.path(exchange)), PATH));
        });
  }

  private static String target(HttpExchange exchange) {
    return OpenAiJson.object(exchange.body())
        .text("session_id")
        .orElseThrow(() ->
            EngineException.invalidArgument("session_id", "missing", "the id of the new session"));
  }

  private static String id(HttpExchange exchange) {
    return below(exchange);
  }

  private static String below(HttpExchange exchange) {
    return HttpRouter.path(exchange).substring(PATH.length() + 1);
  }

  private static void respond(HttpExchange exchange, Item item) {
    exchange.respondJson(OpenAiJson.write(json -> write(json, item)));
  }

  private static void write(JsonGenerator json, Item item) {
    json.writeStartObject();
    json.writeStringProperty("id", item.id());
    json.writeStringProperty("object", "session");
    json.writeNumberProperty("tokens", item.tokens());
    json.writeNumberProperty("bytes", item.bytes());
    json.writeNumberProperty("saved_bytes", item.savedBytes());
    json.writeEndObject();
  }
}
