package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ErrorBodyTest {
  private static final Map<ErrorCode, Integer> STATUSES =
      Map.of(
          ErrorCode.INVALID_ARGUMENT, 400,
          ErrorCode.CONTEXT_LENGTH_EXCEEDED, 400,
          ErrorCode.NOT_FOUND, 404,
          ErrorCode.UNSUPPORTED, 400,
          ErrorCode.INVALID_CHECKPOINT, 500,
          ErrorCode.RESOURCE_EXHAUSTED, 429,
          ErrorCode.DEADLINE_EXCEEDED, 504,
          ErrorCode.CANCELLED, 499,
          ErrorCode.UNAVAILABLE, 503,
          ErrorCode.INTERNAL, 500);

  @ParameterizedTest
  @EnumSource(ErrorCode.class)
  void everyCodeHasItsStatus(ErrorCode code) {
    ErrorBody body = ErrorBody.of(new EngineException(code, "top_p: 2 (expected: 1)"));
    assertThat(body.status()).isEqualTo(STATUSES.get(code));
    JsonNode error = JsonMapper.shared().readTree(body.json()).get("error");
    assertThat(error.get("message").stringValue()).isEqualTo("top_p: 2 (expected: 1)");
    assertThat(error.get("type").stringValue()).matches("[A-Za-z]+Error|invalid_request_error");
    assertThat(error.has("param")).isTrue();
    assertThat(error.get("code").stringValue()).isNotBlank();
  }

  @Test
  void namesTheFieldAtFault() {
    ErrorBody body = ErrorBody.of(EngineException.invalidArgument("stop[1]", 5, "a string"));
    assertThat(body.param()).contains("stop[1]");
  }

  @Test
  void theFieldIsThatOfTheExceptionAndNotOfItsText() {
    EngineException named =
        new EngineException(ErrorCode.UNSUPPORTED, "suffix", "top_p: is not what this is about");
    assertThat(ErrorBody.of(named).param()).contains("suffix");
    assertThat(ErrorBody.of(named).code()).isEqualTo("unsupported_value");
    EngineException unnamed = new EngineException(ErrorCode.INVALID_ARGUMENT, "top_p: 2");
    assertThat(ErrorBody.of(unnamed).param()).isEmpty();
  }

  @Test
  void overloadTellsWhenToComeBack() {
    assertThat(ErrorBody.of(new EngineException(ErrorCode.RESOURCE_EXHAUSTED, "full")).headers())
        .containsEntry("retry-after", "1");
  }
}
