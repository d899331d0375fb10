package dev.krait.server.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiKeysTest {
  private final ApiKeys key = new ApiKeys(Optional.of(" Secret key\n"), Optional.empty());

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Bearer Secret key",
        "bearer Secret key",
        "BEARER Secret key",
        "Bearer  Secret key"
      })
  void theSchemeMayBeWrittenInAnyCase(String authorization) {
    assertThat(key.admits(List.of(authorization))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "Bearer",
        "Bearer ",
        "Secret key",
        "Basic Secret key",
        "Bearer secret key",
        "Bearer Secret key2",
        "BearerSecret key"
      })
  void theKeyMustBeTheOneExactly(String authorization) {
    assertThat(key.admits(List.of(authorization))).isFalse();
  }

  @Test
  void twoHeadersAreRefusedWhicheverIsRight() {
    assertThat(key.admits(List.of("Bearer Secret key", "Bearer wrong"))).isFalse();
    assertThat(key.admits(List.of("Bearer wrong", "Bearer Secret key"))).isFalse();
    assertThat(key.admits(List.of("Bearer Secret key", "Bearer Secret key"))).isFalse();
    assertThat(key.admits(List.of())).isFalse();
  }

  @Test
  void withoutAKeyEveryoneMayPass() {
    assertThat(ApiKeys.none().admits(List.of())).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "schl\u00fcssel", "two\nlines"})
  void aKeyThatNoHeaderCanHoldIsRefusedAndNotShown(String text) {
    assertThatThrownBy(() -> new ApiKeys(Optional.of(text), Optional.empty()))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("api-key: ")
        .hasMessageNotContainingAny("schl", "two");
  }

  @Test
  void everyLineOfAFileIsAKey(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("keys"), "one\r\n\n  two  \n");
    ApiKeys keys = new ApiKeys(Optional.of("three"), Optional.of(file));
    for (String each : List.of("one", "two", "three")) {
      assertThat(keys.admits(List.of("Bearer " + each))).as(each).isTrue();
    }
    assertThat(keys.admits(List.of("Bearer "))).isFalse();
    assertThat(keys.admits(List.of("Bearer four"))).isFalse();
  }

  @Test
  void aFileThatChangesIsReadAgainWithinASecond(@TempDir Path folder) throws IOException {
    AtomicLong now = new AtomicLong();
    Path file = Files.writeString(folder.resolve("keys"), "old\n");
    ApiKeys keys = new ApiKeys(Optional.empty(), Optional.of(file), now::get);
    Files.writeString(file, "new key\n");
    assertThat(keys.admits(List.of("Bearer old"))).isTrue();
    now.addAndGet(TimeUnit.SECONDS.toNanos(1));
    assertThat(keys.admits(List.of("Bearer old"))).isFalse();
    assertThat(keys.admits(List.of("Bearer new key"))).isTrue();
  }

  @Test
  void aFileThatCannotBeReadAnyMoreLeavesTheKeys(@TempDir Path folder) throws IOException {
    AtomicLong now = new AtomicLong();
    Path file = Files.writeString(folder.resolve("keys"), "old\n");
    ApiKeys keys = new ApiKeys(Optional.empty(), Optional.of(file), now::get);
    for (String broken : List.of("", "schl\u00fcssel")) {
      Files.writeString(file, broken);
      now.addAndGet(TimeUnit.SECONDS.toNanos(1));
      assertThat(keys.admits(List.of("Bearer old"))).isTrue();
      assertThat(keys.admits(List.of("Bearer " + broken))).isFalse();
    }
    Files.delete(file);
    now.addAndGet(TimeUnit.SECONDS.toNanos(1));
    assertThat(keys.admits(List.of("Bearer old"))).isTrue();
    Files.writeString(file, "again\n");
    keys.reload();
    assertThat(keys.admits(List.of("Bearer again"))).isTrue();
  }

  @Test
  void aFileWithoutAKeyStopsTheStart(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("keys"), "\n \n");
    assertThatThrownBy(() -> new ApiKeys(Optional.empty(), Optional.of(file)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("at least one line");
    assertThatThrownBy(() -> new ApiKeys(Optional.empty(), Optional.of(folder.resolve("none"))))
        .hasMessageContaining("there is none");
  }
}
