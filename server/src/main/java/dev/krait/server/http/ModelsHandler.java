package dev.krait.server.http;

import dev.krait.server.openai.OpenAiJson;
import dev.krait.service.ServedModel;
import java.time.Instant;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;

/// Answers `/v1/models` and `/v1/models/{id}`.
public final class ModelsHandler {
  private static final String PREFIX = "/v1/models/";

  private final ServedModel model;
  private final Instant created;

  /// Creates the handler.
  ///
  /// @param created when the model was loaded
  public ModelsHandler(ServedModel model, Instant created) {
    this.model = model;
    this.created = created;
  }

  /// Lists every name of the model.
  public void list(HttpExchange exchange) {
    exchange.respondJson(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          json.writeStringProperty("object", "list");
          json.writeArrayPropertyStart("data");
          model.names().forEach(name -> write(json, name));
          json.writeEndArray();
          json.writeEndObject();
        }));
  }

  /// Describes one name.
  public void one(HttpExchange exchange) {
    String name = HttpRouter.path(exchange).substring(PREFIX.length());
    model.checkName(Optional.of(name));
    exchange.respondJson(OpenAiJson.write(json -> write(json, name)));
  }

  private void write(JsonGenerator json, String name) {
    json.writeStartObject();
    json.writeStringProperty("id", name);
    json.writeStringProperty("object", "model");
    json.writeNumberProperty("created", created.getEpochSecond());
    json.writeStringProperty("owned_by", "krait");
    json.writeStringProperty("root", model.name());
    json.writeNullProperty("parent");
    json.writeNumberProperty("max_model_len", model.info().maxTokens());
    json.writeStringProperty("architecture", model.info().architecture());
    json.writeStringProperty("numerics", model.info().numerics());
    json.writeEndObject();
  }
}
