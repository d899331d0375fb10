package dev.krait.service;

import dev.krait.error.EngineException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// A request in text, whichever protocol it came by; it can only be valid.
///
/// @param id name in logs and responses
/// @param model the model it names, if any
/// @param prompts what to continue; each is generated `sequences` times
/// @param sequences sequences for each prompt, 1 to 128
/// @param sampling how tokens are chosen
/// @param stop when to end
/// @param output what to report
/// @param keepLastPromptTokens cuts each prompt to its last so many tokens
/// @param priority lower runs first; 0 is normal
/// @param timeout how long the request may take
/// @param structure what the answer may be; anything when it is empty
/// @param cacheSalt what is kept of prompt and answer is found only by requests of the same salt
/// @param session id of the session that holds the conversation afterwards
public record PromptRequest(
    String id,
    Optional<String> model,
    List<Prompt> prompts,
    int sequences,
    SamplingRequest sampling,
    StopRequest stop,
    OutputOptions output,
    OptionalInt keepLastPromptTokens,
    int priority,
    Optional<Duration> timeout,
    Optional<StructuredOutput> structure,
    String cacheSalt,
    Optional<String> session) {

  /// Most sequences for one prompt.
  public static final int MAX_SEQUENCES = 128;

  /// Most sequences of one request.
  public static final int MAX_TOTAL_SEQUENCES = 1024;

  /// Longest salt.
  public static final int MAX_SALT = 256;

  /// Longest name of a request.
  public static final int MAX_ID = 256;

  /// A request for any answer.
  public PromptRequest(
      String id,
      Optional<String> model,
      List<Prompt> prompts,
      int sequences,
      SamplingRequest sampling,
      StopRequest stop,
      OutputOptions output,
      OptionalInt keepLastPromptTokens,
      int priority,
      Optional<Duration> timeout) {
    this(
        id,
        model,
        prompts,
        sequences,
        sampling,
        stop,
        output,
        keepLastPromptTokens,
        priority,
        timeout,
        Optional.empty(),
        "",
        Optional.empty());
  }

  /// The same request for a structured answer.
  public PromptRequest structured(Optional<StructuredOutput> as) {
    return new PromptRequest(
        id,
        model,
        prompts,
        sequences,
        sampling,
        stop,
        output,
        keepLastPromptTokens,
        priority,
        timeout,
        as,
        cacheSalt,
        session);
  }

  /// Whether a text can name a request in logs and headers: printable ASCII, not too long.
  public static boolean isId(String text) {
    return !text.isBlank()
        && text.length() <= MAX_ID
        && text.chars().allMatch(c -> c >= 0x20 && c <= 0x7e);
  }

  /// Checks the ranges.
  public PromptRequest {
    if (cacheSalt.length() > MAX_SALT) {
      throw EngineException.invalidArgument(
          "cache_salt", cacheSalt.length() + " characters", "at most " + MAX_SALT);
    }
    if (!isId(id)) {
      throw EngineException.invalidArgument(
          "request_id",
          id.length() + " characters" + (id.length() <= MAX_ID ? ", some not printable" : ""),
          "1 to " + MAX_ID + " characters of printable ASCII");
    }
    prompts = List.copyOf(prompts);
    if (prompts.isEmpty()) {
      throw EngineException.invalidArgument("prompt", "empty list", "at least one prompt");
    }
    if (sequences < 1 || sequences > MAX_SEQUENCES) {
      throw EngineException.invalidArgument("n", sequences, "1 to " + MAX_SEQUENCES);
    }
    if ((long) prompts.size() * sequences > MAX_TOTAL_SEQUENCES) {
      throw EngineException.invalidArgument(
          "n",
          sequences + " for each of " + prompts.size() + " prompts",
          "at most " + MAX_TOTAL_SEQUENCES + " sequences");
    }
    if (session.isPresent() && prompts.size() * sequences != 1) {
      throw EngineException.invalidArgument(
          "session_id", prompts.size() * sequences + " sequences", "none, or one sequence");
    }
    if (keepLastPromptTokens.isPresent() && keepLastPromptTokens.getAsInt() < 1) {
      throw EngineException.invalidArgument(
          "truncate_prompt_tokens", keepLastPromptTokens.getAsInt(), "1 or more");
    }
  }
}
