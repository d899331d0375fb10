package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.openai.OpenAiJson;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// An error as HTTP tells it: a status and the `error` object that OpenAI clients read.
///
/// @param status HTTP status
/// @param type category by vLLM's names
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

  private static final Pattern NAMED = Pattern.compile("^([a-z][a-z0-9_.\\[\\]]{0,99}): ");
  private static final String BODY = "body";

  /// The error of an exception: the one place where [ErrorCode]s become HTTP statuses.
  public static ErrorBody of(EngineException failure) {
    String message = String.valueOf(failure.getMessage());
    Optional<String> named = namedField(message);
    boolean malformed = named.equals(Optional.of(BODY));
    Optional<String> param = malformed ? Optional.empty() : named;
    return switch (failure.code()) {
      case INVALID_ARGUMENT ->
          new ErrorBody(
              400,
              "BadRequestError",
              message,
              param,
              malformed ? "json_parse_error" : "invalid_value",
              Map.of());
      case NOT_FOUND ->
          new ErrorBody(
              404, "NotFoundError", message, param, param.orElse("path") + "_not_found", Map.of());
      case UNSUPPORTED ->
          new ErrorBody(501, "NotImplementedError", message, param, "unsupported", Map.of());
      case RESOURCE_EXHAUSTED ->
          plain(429, "RateLimitError", message, "rate_limit_exceeded", Map.of("retry-after", "1"));
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
  public static ErrorBody unknownPath(String path) {
    return plain(
        404,
        "NotFoundError",
        "path: " + path + " (expected: a path of this server)",
        "not_found",
        Map.of());
  }

  /// The path exists, the method does not.
  public static ErrorBody wrongMethod(String method, String allowed) {
    return plain(
        405,
        "MethodNotAllowedError",
        "method: " + method + " (expected: " + allowed + ")",
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

  /// A failure of the HTTP exchange itself.
  public static ErrorBody protocol(int status, String message, String code) {
    return plain(status, "BadRequestError", message, code, Map.of());
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

  private static Optional<String> namedField(String message) {
    Matcher matcher = NAMED.matcher(message);
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
  }
}
