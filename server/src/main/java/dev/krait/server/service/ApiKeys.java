package dev.krait.server.service;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The key that requests must bring, as `authorization: Bearer KEY`; the scheme's case is free. Any
/// thread.
public final class ApiKey {
  private static final Pattern BEARER =
      Pattern.compile("bearer +(.*)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private final byte[] key;

  /// Wraps a key.
  public ApiKey(String key) {
    this.key = key.getBytes(StandardCharsets.UTF_8);
  }

  /// Whether a request may pass; the time it takes says nothing of the key.
  ///
  /// @param authorization the value of its `authorization` header, empty without one
  public boolean admits(String authorization) {
    Matcher bearer = BEARER.matcher(authorization);
    return bearer.matches()
        && MessageDigest.isEqual(key, bearer.group(1).getBytes(StandardCharsets.UTF_8));
  }
}
