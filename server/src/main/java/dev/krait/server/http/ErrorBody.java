package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.openai.OpenAiJson;
import java.util.Map;
import java.util.Optional;

/// An error as HTTP tells it: a status and the `error` object that OpenAI clients read.
///
/// @param status HTTP status
/// @param type category: `invalid_request_error` as OpenAI calls it, the others by vLLM's names
/// @param message what was wrong, with the value received and what was expected
/// @param param the request field at fault, if one is
/// @param code short name that programs can test
/// @param headers headers that belong to the status
public record ErrorBody(
    int status,
    String type,
    String message,
    Optional<String> param,
    String code,
    Map<String, String> headers) {

  /// Category of everything that the client has to change, by OpenAI's name.
  private static final String INVALID_REQUEST = "invalid_request_error";

  private static final String BODY = "body";

  /// The error of an exception: the one place where [ErrorCode]s become HTTP statuses.
  ///
  /// A feature that is absent is a 400 as OpenAI answers for a model without it: clients send a
  /// request with a status of 500 and above again.
  public static ErrorBody of(EngineException failure) {
    String message = String.valueOf(failure.getMessage());
    boolean malformed = failure.field().equals(Optional.of(BODY));
    Optional<String> param = malformed ? Optional.empty() : failure.field();
    return switch (failure.code()) {
      case INVALID_ARGUMENT ->
          badRequest(message, param, malformed ? "json_parse_error" : "invalid_value");
      case CONTEXT_LENGTH_EXCEEDED -> badRequest(message, param, "context_length_exceeded");
      case UNSUPPORTED -> badRequest(message, param, "unsupported_value");
      case NOT_FOUND ->
          new ErrorBody(
              404, "NotFoundError", message, param, param.orElse("path") + "_not_found", Map.of());
      case RESOURCE_EXHAUSTED ->
          plain(
              429,
              "RateLimitError",
              message,
              "rate_limit_exceeded",
              Map.of("retry-after", String.valueOf(failure.retryAfterSeconds().orElse(1))));
      case DEADLINE_EXCEEDED ->
          plain(504, "DeadlineExceededError", message, "deadline_exceeded", Map.of());
      case CANCELLED -> plain(499, "CancelledError", message, "cancelled", Map.of());
      case UNAVAILABLE ->
          plain(503, "ServiceUnavailableError", message, "unavailable", Map.of("retry-after", "1"));
      case INVALID_CHECKPOINT, INTERNAL ->
          plain(500, "InternalServerError", message, "server_error", Map.of());
    };
  }

  /// An unexpected failure; its cause is for the log alone.
  public static ErrorBody internal() {
    return of(new EngineException(ErrorCode.INTERNAL, "the server failed; its log says why"));
  }

  /// No such path.
  ///
  /// @param nearest a path of this server that may be meant
  public static ErrorBody unknownPath(String path, Optional<String> nearest) {
    return plain(
        404,
        "NotFoundError",
        "path: "
            + EngineException.shown(path)
            + " (expected: a path of this server"
            + nearest.map(other -> "; did you mean " + other + "?").orElse("")
            + ")",
        "not_found",
        Map.of());
  }

  /// The path exists, the method does not.
  public static ErrorBody wrongMethod(String method, String allowed) {
    return plain(
        405,
        "MethodNotAllowedError",
        "method: " + EngineException.shown(method) + " (expected: " + allowed + ")",
        "method_not_allowed",
        Map.of("allow", allowed));
  }

  /// No key, a wrong one, or more than one header that holds one.
  public static ErrorBody unauthorized() {
    return plain(
        401,
        "AuthenticationError",
        "authorization: no key of this server (expected: one header, Bearer and a key)",
        "invalid_api_key",
        Map.of("www-authenticate", "Bearer"));
  }

  /// A key that does not open what operators ask.
  public static ErrorBody notAdmin(String key) {
    return plain(
        403,
        "PermissionDeniedError",
        "authorization: the key " + key + " (expected: an admin key)",
        "admin_key_required",
        Map.of());
  }

  /// A failure of the HTTP exchange itself.
  public static ErrorBody protocol(int status, String message, String code) {
    return plain(status, INVALID_REQUEST, message, code, Map.of());
  }

  /// The JSON text, UTF-8.
  public byte[] json() {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      writeError(json);
      json.writeEndObject();
    });
  }

  private void writeError(tools.jackson.core.JsonGenerator json) {
    json.writeName("error");
    json.writeStartObject();
    json.writeStringProperty("message", message);
    json.writeStringProperty("type", type);
    if (param.isPresent()) {
      json.writeStringProperty("param", param.get());
    } else {
      json.writeNullProperty("param");
    }
    json.writeStringProperty("code", code);
    json.writeEndObject();
  }

  private static ErrorBody plain(
      int status, String type, String message, String code, Map<String, String> headers) {
    return new ErrorBody(status, type, message, Optional.empty(), code, headers);
  }

  private static ErrorBody badRequest(String message, Optional<String> param, String code) {
    return new ErrorBody(400, INVALID_REQUEST, message, param, code, Map.of());
  }
}
