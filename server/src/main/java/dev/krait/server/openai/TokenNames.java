package dev.krait.server.openai;

/// How single tokens are written in log-probabilities.
public interface TokenNames {

  /// Text of a token.
  String text(int id);

  /// Bytes of a token.
  byte[] bytes(int id);
}
