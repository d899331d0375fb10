package dev.krait.server.service;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiKeyTest {
  private final ApiKey key = new ApiKey("Secret k\u00e9y");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Bearer Secret k\u00e9y",
        "bearer Secret k\u00e9y",
        "BEARER Secret k\u00e9y",
        "Bearer  Secret k\u00e9y"
      })
  void theSchemeMayBeWrittenInAnyCase(String authorization) {
    assertThat(key.admits(authorization)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Bearer",
        "Bearer ",
        "Secret k\u00e9y",
        "Basic Secret k\u00e9y",
        "Bearer secret k\u00e9y",
        "Bearer Secret k\u00e9y2",
        "BearerSecret k\u00e9y"
      })
  void theKeyMustBeTheOneExactly(String authorization) {
    assertThat(key.admits(authorization)).isFalse();
  }
}
