package dev.krait.server.net;

import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/// Which web pages may call a server, and by which names it answers. Immutable.
///
/// A server on a loopback address answers to no public name, which a page could have pointed at it
/// (DNS rebinding).
///
/// @param allowed origins in lower case, [#ANY] or [#LOCALHOST]
/// @param listening the host that the server was told to listen on
/// @param loopback whether only this machine reaches it
public record WebNames(List<String> allowed, String listening, boolean loopback) {
  /// Stands for every origin.
  public static final String ANY = "*";

  /// Stands for every port of this machine's own names.
  public static final String LOCALHOST = "localhost";

  private static final Set<String> LOCAL = Set.of("localhost", "127.0.0.1", "[::1]");
  private static final Pattern ADDRESS = Pattern.compile("[0-9.]+|\\[[0-9a-fA-F:.%]+]");

  /// The names of a server.
  public static WebNames of(String host, List<String> allowedOrigins) {
    return new WebNames(
        allowedOrigins.stream().map(each -> each.toLowerCase(Locale.ROOT)).toList(),
        host.toLowerCase(Locale.ROOT),
        isLoopback(host));
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false;
    }
  }

  /// Whether pages of an origin may call.
  public boolean isAllowed(String origin) {
    String asked = origin.toLowerCase(Locale.ROOT);
    return allowed.contains(ANY)
        || allowed.contains(asked)
        || (allowed.contains(LOCALHOST) && LOCAL.contains(hostOf(asked)));
  }

  /// Whether the server answers by a name, which may have a port. One of one label is no name of
  /// the public DNS.
  public boolean isOwnName(String host) {
    if (!loopback || allowed.contains(ANY)) {
      return true;
    }
    String name = host.toLowerCase(Locale.ROOT).replaceFirst(":\\d*$", "");
    return !name.contains(".")
        || ADDRESS.matcher(name).matches()
        || name.endsWith(".localhost")
        || name.equals(listening)
        || allowed.stream().anyMatch(origin -> hostOf(origin).equals(name));
  }

  /// What the server answers by, for messages.
  public String expected() {
    return "an address, localhost or "
        + listening
        + "; --allowed-origins admits the name of a proxy";
  }

  private static String hostOf(String origin) {
    try {
      String host = new URI(origin).getHost();
      return host == null ? "" : host;
    } catch (URISyntaxException e) {
      return "";
    }
  }
}
