package dev.krait.server.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubSettingsTest {
  private static HubSettings of(String... variables) {
    Map<String, String> all = new HashMap<>(Map.of("HOME", "/h"));
    for (String variable : variables) {
      all.put(variable.split("=", 2)[0], variable.split("=", 2)[1]);
    }
    return HubSettings.of(all, false);
  }

  @ParameterizedTest
  @CsvSource({
    "X=1, /h/.cache/huggingface/hub",
    "XDG_CACHE_HOME=/x, /x/huggingface/hub",
    "HF_HOME=~/y, /h/y/hub",
    "HUGGINGFACE_HUB_CACHE=/old, /old",
    "HF_HUB_CACHE=/new, /new",
    "HF_HUB_CACHE=, /h/.cache/huggingface/hub"
  })
  void theCacheIsWhereThePythonClientHasIt(String variable, String folder) {
    assertThat(of(variable).cache()).isEqualTo(Path.of(folder));
  }

  @Test
  void theEndpointMayBeAMirror() {
    assertThat(of("X=1").endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    HubSettings mirror = of("HF_ENDPOINT=https://Mirror.example/hf/");
    assertThat(mirror.endpoint()).isEqualTo(URI.create("https://Mirror.example/hf"));
    assertThat(mirror.isEndpoint(URI.create("https://mirror.example:443/x"))).isTrue();
    assertThat(mirror.isEndpoint(URI.create("http://mirror.example/x"))).isFalse();
    assertThat(mirror.isEndpoint(URI.create("https://mirror.example.evil/x"))).isFalse();
    assertThat(mirror.isEndpoint(URI.create("https://mirror.example:8443/x"))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mirror", "ftp://mirror", "https://user:secret@mirror", "http://a b"})
  void anEndpointIsAnAddress(String text) {
    assertThatThrownBy(() -> of("HF_ENDPOINT=" + text)).hasMessageStartingWith("HF_ENDPOINT: ");
  }

  @ParameterizedTest
  @CsvSource({
    "HF_HUB_OFFLINE=1, true",
    "HF_HUB_OFFLINE=true, true",
    "TRANSFORMERS_OFFLINE=yes, true",
    "HF_HUB_OFFLINE=0, false",
    "HF_HUB_OFFLINE=, false"
  })
  void offlineIsOneOfThePythonClientsWords(String variable, boolean offline) {
    assertThat(of(variable).offline()).isEqualTo(offline);
  }

  @Test
  void theTokenIsThatOfAVariableOrOfTheFile(@TempDir Path home) throws IOException {
    Files.writeString(home.resolve("token"), "hf_file\n");
    String at = "HF_HOME=" + home;
    assertThat(of(at).token()).contains("hf_file");
    assertThat(of(at, "HF_TOKEN= hf_variable ").token()).contains("hf_variable");
    assertThat(of(at, "HF_HUB_DISABLE_IMPLICIT_TOKEN=1").token()).isEmpty();
    assertThat(of(at, "HF_TOKEN_PATH=" + home.resolve("none")).token()).isEmpty();
    assertThat(of(at).toString()).doesNotContain("hf_file").contains("with a token");
    assertThatThrownBy(() -> of("HF_TOKEN=a\r\nb"))
        .hasMessageStartingWith("HF_TOKEN: a character that headers cannot hold");
  }
}
