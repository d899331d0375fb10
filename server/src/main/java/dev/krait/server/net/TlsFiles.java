package dev.krait.server.net;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The files of a server that speaks TLS, all PEM.
///
/// @param certificate its certificate, and those between it and the root
/// @param key its private key, PKCS#8 without a password
/// @param clientAuthorities those that sign certificates of clients; every client needs one then
public record TlsFiles(Path certificate, Path key, Optional<Path> clientAuthorities) {
  /// All of them.
  List<Path> all() {
    return Stream.concat(Stream.of(certificate, key), clientAuthorities.stream()).toList();
  }
}
