package dev.krait.cache.prefix;

import dev.krait.generation.TokenIds;

/// A prompt that is looked up, and who may share it.
///
/// @param tokens of the prompt
/// @param salt prompts share what is kept only with those of the same salt; empty for all that have
///   none
public record PrefixKey(TokenIds tokens, String salt) {

  /// A prompt without a salt.
  public PrefixKey(TokenIds tokens) {
    this(tokens, "");
  }
}
