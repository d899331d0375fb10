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
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiKeysTest {
  private final ApiKeys key =
      keys(Optional.of(" Secret key\n"), Optional.empty(), System::nanoTime);

  private static ApiKeys keys(Optional<String> key, Optional<Path> file, LongSupplier clock) {
    return new ApiKeys(List.of(new ApiKeys.Source("api-key", false, key, file)), clock);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Bearer Secret key",
        "bearer Secret key",
        "BEARER Secret key",
        "Bearer  Secret key"
      })
  void theSchemeMayBeWrittenInAnyCase(String authorization) {
    assertThat(key.check(List.of(authorization)).api()).isTrue();
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
    assertThat(key.check(List.of(authorization)).api()).isFalse();
  }

  @Test
  void twoHeadersAreRefusedWhicheverIsRight() {
    assertThat(key.check(List.of("Bearer Secret key", "Bearer wrong")).api()).isFalse();
    assertThat(key.check(List.of("Bearer wrong", "Bearer Secret key")).api()).isFalse();
    assertThat(key.check(List.of("Bearer Secret key", "Bearer Secret key")).api()).isFalse();
    assertThat(key.check(List.of()).api()).isFalse();
  }

  @Test
  void withoutAKeyEveryoneMayPass() {
    assertThat(ApiKeys.none().check(List.of()).api()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "schl\u00fcssel", "two\nlines"})
  void aKeyThatNoHeaderCanHoldIsRefusedAndNotShown(String text) {
    assertThatThrownBy(() -> keys(Optional.of(text), Optional.empty(), System::nanoTime))
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith("api-key: ")
        .hasMessageNotContainingAny("schl", "two");
  }

  @Test
  void everyLineOfAFileIsAKey(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("keys"), "one\r\n\n  two  \n");
    ApiKeys keys = keys(Optional.of("three"), Optional.of(file), System::nanoTime);
    for (String each : List.of("one", "two", "three")) {
      assertThat(keys.check(List.of("Bearer " + each)).api()).as(each).isTrue();
    }
    assertThat(keys.check(List.of("Bearer ")).api()).isFalse();
    assertThat(keys.check(List.of("Bearer four")).api()).isFalse();
  }

  @Test
  void aFileThatChangesIsReadAgainWithinASecond(@TempDir Path folder) throws IOException {
    AtomicLong now = new AtomicLong();
    Path file = Files.writeString(folder.resolve("keys"), "old\n");
    ApiKeys keys = keys(Optional.empty(), Optional.of(file), now::get);
    Files.writeString(file, "new key\n");
    assertThat(keys.check(List.of("Bearer old")).api()).isTrue();
    now.addAndGet(TimeUnit.SECONDS.toNanos(1));
    assertThat(keys.check(List.of("Bearer old")).api()).isFalse();
    assertThat(keys.check(List.of("Bearer new key")).api()).isTrue();
  }

  @Test
  void aFileThatCannotBeReadAnyMoreLeavesTheKeys(@TempDir Path folder) throws IOException {
    AtomicLong now = new AtomicLong();
    Path file = Files.writeString(folder.resolve("keys"), "old\n");
    ApiKeys keys = keys(Optional.empty(), Optional.of(file), now::get);
    for (String broken : List.of("", "schl\u00fcssel")) {
      Files.writeString(file, broken);
      now.addAndGet(TimeUnit.SECONDS.toNanos(1));
      assertThat(keys.check(List.of("Bearer old")).api()).isTrue();
      assertThat(keys.check(List.of("Bearer " + broken)).api()).isFalse();
    }
    Files.delete(file);
    now.addAndGet(TimeUnit.SECONDS.toNanos(1));
    assertThat(keys.check(List.of("Bearer old")).api()).isTrue();
    Files.writeString(file, "again\n");
    keys.reload();
    assertThat(keys.check(List.of("Bearer again")).api()).isTrue();
  }

  @Test
  void aFileWithoutAKeyStopsTheStart(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("keys"), "\n \n");
    assertThatThrownBy(() -> keys(Optional.empty(), Optional.of(file), System::nanoTime))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("at least one line");
    assertThatThrownBy(
            () -> keys(Optional.empty(), Optional.of(folder.resolve("none")), System::nanoTime))
        .hasMessageContaining("there is none");
  }

  @Test
  void aKeyHasTheNameBeforeItsColon(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("keys"), "team-a: one\nsk:two:three\nfour\n");
    ApiKeys keys = keys(Optional.of("five"), Optional.of(file), System::nanoTime);
    assertThat(keys.check(List.of("Bearer one")).key()).contains("team-a");
    assertThat(keys.check(List.of("Bearer two:three")).key()).contains("sk");
    assertThat(keys.check(List.of("Bearer four")).key()).contains("line-3");
    assertThat(keys.check(List.of("Bearer five")).key()).contains("api-key");
    assertThat(keys.check(List.of("Bearer team-a: one")).key()).isEmpty();
    Files.writeString(file, "team-a:\n");
    assertThatThrownBy(() -> keys(Optional.empty(), Optional.of(file), System::nanoTime))
        .hasMessageContaining("line 1: empty");
  }

  private static ApiKeys.Source source(boolean admin, String key) {
    return new ApiKeys.Source("k", admin, Optional.of(key), Optional.empty());
  }

  @Test
  void anAdminKeyOpensEverythingAndOthersTheApiAlone() {
    ApiKeys both = new ApiKeys(List.of(source(false, "user"), source(true, "root")));
    assertThat(both.check(List.of("Bearer root")))
        .isEqualTo(new ApiKeys.Verdict(Optional.of("k"), true, true));
    assertThat(both.check(List.of("Bearer user")))
        .isEqualTo(new ApiKeys.Verdict(Optional.of("k"), true, false));
    assertThat(both.check(List.of()))
        .isEqualTo(new ApiKeys.Verdict(Optional.empty(), false, false));

    ApiKeys users = new ApiKeys(List.of(source(false, "user")));
    assertThat(users.check(List.of("Bearer user")).admin()).isTrue();
    assertThat(users.check(List.of("Bearer root")).admin()).isFalse();

    ApiKeys admins = new ApiKeys(List.of(source(true, "root")));
    assertThat(admins.check(List.of()))
        .isEqualTo(new ApiKeys.Verdict(Optional.empty(), true, false));
    assertThat(admins.check(List.of("Bearer root")).admin()).isTrue();
  }
}
