package dev.krait.server.openai;

import dev.krait.service.OutputOptions;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// What every message of one answer repeats.
///
/// @param id name of the answer, such as `cmpl-1`
/// @param createdSeconds when it began, seconds since 1970
/// @param model name of the model
/// @param options how to write it
/// @param output what the request wants beside text
/// @param names how tokens are written
public record AnswerHead(
    String id,
    long createdSeconds,
    String model,
    ResponseOptions options,
    OutputOptions output,
    TokenNames names) {
  private static final char REPLACEMENT = '\ufffd';

  /// Name of a token in log-probabilities of chats, where its bytes stand beside it.
  String tokenName(int tokenId) {
    return options.tokensAsIds() ? tokenIdName(tokenId) : names.text(tokenId);
  }

  /// Name of a token in log-probabilities of completions: its text, and for bytes that are no text
  /// by themselves `bytes:\\xe2\\x80`, as OpenAI names them.
  String tokenKey(int tokenId) {
    String name = tokenName(tokenId);
    if (options.tokensAsIds() || name.indexOf(REPLACEMENT) < 0) {
      return name;
    }
    byte[] bytes = names.bytes(tokenId);
    if (Arrays.equals(bytes, name.getBytes(StandardCharsets.UTF_8))) {
      return name;
    }
    StringBuilder key = new StringBuilder("bytes:");
    for (byte b : bytes) {
      boolean printable = b >= ' ' && b <= '~';
      key.append(printable ? String.valueOf((char) b) : "\\x%02x".formatted(b));
    }
    return key.toString();
  }

  /// Name by number alone, which no other token has.
  static String tokenIdName(int tokenId) {
    return "token_id:" + tokenId;
  }
}
