package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.generation.TokenIds;
import dev.krait.text.Tokenizer;
import java.util.List;
import java.util.OptionalInt;

/// When a caller wants a generation to end.
///
/// @param maxTokens most tokens to generate; empty generates what the context leaves
/// @param minTokens end tokens cannot be chosen before this many tokens
/// @param strings text that ends the generation; none is empty
/// @param includeString whether the matched string stays in the text
/// @param tokenIds ids that end the generation beside the model's own
/// @param ignoreEnd whether to generate past the model's end tokens
public record StopRequest(
    OptionalInt maxTokens,
    int minTokens,
    List<String> strings,
    boolean includeString,
    TokenIds tokenIds,
    boolean ignoreEnd) {

  /// Most stop strings of a request.
  public static final int MAX_STRINGS = 64;

  /// Most bytes of UTF-8 that the stop strings of a request may have together.
  public static final int MAX_STRING_BYTES = 4096;

  /// Most stop tokens of a request.
  public static final int MAX_TOKEN_IDS = 1024;

  /// Checks the ranges.
  public StopRequest {
    if (maxTokens.isPresent() && maxTokens.getAsInt() < 0) {
      throw EngineException.invalidArgument("max_tokens", maxTokens.getAsInt(), "0 or more");
    }
    if (minTokens < 0 || minTokens > maxTokens.orElse(Integer.MAX_VALUE)) {
      String most = maxTokens.isPresent() ? "0 to max_tokens " + maxTokens.getAsInt() : "0 or more";
      throw EngineException.invalidArgument("min_tokens", minTokens, most);
    }
    strings = List.copyOf(strings);
    if (strings.size() > MAX_STRINGS) {
      throw EngineException.invalidArgument(
          "stop", strings.size() + " strings", "at most " + MAX_STRINGS);
    }
    long bytes = strings.stream().mapToLong(Tokenizer::utf8Bytes).sum();
    if (bytes > MAX_STRING_BYTES) {
      throw EngineException.invalidArgument(
          "stop", bytes + " bytes in all strings", "at most " + MAX_STRING_BYTES);
    }
    if (tokenIds.size() > MAX_TOKEN_IDS) {
      throw EngineException.invalidArgument(
          "stop_token_ids", tokenIds.size() + " ids", "at most " + MAX_TOKEN_IDS);
    }
    if (strings.contains("")) {
      throw EngineException.invalidArgument("stop", "an empty string", "text");
    }
  }

  /// Stops at the model's end tokens or after the given number of tokens.
  public static StopRequest after(OptionalInt maxTokens) {
    return new StopRequest(maxTokens, 0, List.of(), false, TokenIds.empty(), false);
  }
}
