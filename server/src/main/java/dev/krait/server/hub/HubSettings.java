package dev.krait.server.hub;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Where models come from and where they are kept.
///
/// @param cache folder of all models, the Python client's `HF_HUB_CACHE`
/// @param endpoint address of the hub or of a mirror, without a slash at the end
/// @param token of an account; sent to the endpoint alone
/// @param offline whether only the cache is looked at
public record HubSettings(Path cache, URI endpoint, Optional<String> token, boolean offline) {
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");

  /// Reads the environment variables of the Python client, with their defaults.
  ///
  /// @param variables of the process
  /// @param offline whether the command line asks for it
  /// @throws EngineException INVALID_ARGUMENT that names the variable
  public static HubSettings of(Map<String, String> variables, boolean offline) {
    Environment environment = new Environment(variables);
    Path caches = environment.path("XDG_CACHE_HOME").orElse(environment.home().resolve(".cache"));
    Path home = environment.path("HF_HOME").orElse(caches.resolve("huggingface"));
    Path cache =
        environment
            .path("HF_HUB_CACHE")
            .or(() -> environment.path("HUGGINGFACE_HUB_CACHE"))
            .orElse(home.resolve("hub"));
    Path tokenFile = environment.path("HF_TOKEN_PATH").orElse(home.resolve("token"));
    return new HubSettings(
        cache.toAbsolutePath(),
        endpoint(environment.text("HF_ENDPOINT").orElse("https://huggingface.co")),
        environment.token(tokenFile),
        offline
            || environment.isSet("HF_HUB_OFFLINE")
            || environment.isSet("TRANSFORMERS_OFFLINE"));
  }

  private static URI endpoint(String text) {
    String address = text.strip().replaceFirst("/+$", "");
    try {
      URI uri = URI.create(address);
      if (uri.getHost() != null && uri.getUserInfo() == null && isHttp(uri)) {
        return uri;
      }
    } catch (IllegalArgumentException malformed) {
      // Refused below.
    }
    throw EngineException.invalidArgument(
        "HF_ENDPOINT", address, "an address such as https://huggingface.co");
  }

  private static boolean isHttp(URI uri) {
    return "https".equalsIgnoreCase(uri.getScheme()) || "http".equalsIgnoreCase(uri.getScheme());
  }

  /// Whether an address is of the endpoint's own server, which alone may see the token.
  boolean isEndpoint(URI address) {
    return origin(address).equals(origin(endpoint));
  }

  private static String origin(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    int usual = scheme.equals("https") ? 443 : 80;
    return scheme
        + "://"
        + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT)
        + ":"
        + (uri.getPort() < 0 ? usual : uri.getPort());
  }

  /// Without the token.
  @Override
  public String toString() {
    return endpoint + ", cache " + cache + (token.isPresent() ? ", with a token" : "");
  }

  /// Variables as the Python client reads them.
  private record Environment(Map<String, String> variables) {
    Optional<String> text(String name) {
      return Optional.ofNullable(variables.get(name)).filter(value -> !value.isBlank());
    }

    boolean isSet(String name) {
      return text(name).filter(value -> TRUE.contains(value.toUpperCase(Locale.ROOT))).isPresent();
    }

    Path home() {
      return Path.of(text("HOME").orElse(System.getProperty("user.home", "")));
    }

    Optional<Path> path(String name) {
      return text(name)
          .map(value ->
              value.equals("~") || value.startsWith("~/")
                  ? home().resolve(value.substring(Math.min(2, value.length())))
                  : Path.of(value));
    }

    Optional<String> token(Path file) {
      Optional<String> named = text("HF_TOKEN").or(() -> text("HUGGING_FACE_HUB_TOKEN"));
      if (named.isEmpty() && !isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN") && Files.isRegularFile(file)) {
        try {
          named = Optional.of(Files.readString(file));
        } catch (IOException e) {
          throw EngineException.invalidArgument("HF_TOKEN_PATH", file, "a file that can be read");
        }
      }
      Optional<String> token = named.map(String::strip).filter(value -> !value.isEmpty());
      if (token.isPresent() && token.get().chars().anyMatch(c -> c <= 0x20 || c > 0x7e)) {
        throw EngineException.invalidArgument(
            "HF_TOKEN", "a character that headers cannot hold", "a token alone, printable ASCII");
      }
      return token;
    }
  }
}
