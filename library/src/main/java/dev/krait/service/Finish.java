package dev.krait.service;

import java.util.Optional;
import java.util.OptionalInt;

/// How a sequence of text ended.
///
/// @param stopped true when a stop token, an end token or a stop string ended it; false when the
///   most tokens were reached
/// @param stopString the stop string of the request that was found
/// @param stopTokenId the stop token of the request that was generated
/// @param calls whether it calls tools, other than one that the request names
public record Finish(
    boolean stopped, Optional<String> stopString, OptionalInt stopTokenId, boolean calls) {

  /// The most tokens, or the context, were reached.
  public static Finish length() {
    return new Finish(false, Optional.empty(), OptionalInt.empty(), false);
  }

  /// One of the model's own end tokens was generated.
  public static Finish endToken() {
    return new Finish(true, Optional.empty(), OptionalInt.empty(), false);
  }

  /// A stop token of the request was generated.
  public static Finish stopToken(int id) {
    return new Finish(true, Optional.empty(), OptionalInt.of(id), false);
  }

  /// A stop string of the request was found.
  public static Finish stopString(String text) {
    return new Finish(true, Optional.of(text), OptionalInt.empty(), false);
  }

  /// The same of a sequence that calls tools, or does not.
  Finish withCalls(boolean any) {
    return new Finish(stopped, stopString, stopTokenId, any);
  }
}
