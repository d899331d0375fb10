package dev.krait.server.service;

import dev.krait.error.EngineException;
import dev.krait.generation.TokenIds;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What to continue, before it is encoded.
public sealed interface Prompt {

  /// Plain text.
  ///
  /// @param text what to continue
  /// @param addSpecialTokens whether the tokenizer's own special tokens, such as a leading one, are
  ///   added
  record Text(String text, boolean addSpecialTokens) implements Prompt {}

  /// Token ids, taken as they are.
  ///
  /// @param ids at least one
  record Ids(TokenIds ids) implements Prompt {
    /// Checks that there is a token.
    public Ids {
      if (ids.size() == 0) {
        throw EngineException.invalidArgument("prompt", "no token", "at least one token");
      }
    }
  }

  /// A conversation for the model's chat template.
  ///
  /// @param messages each with at least a `role`; values are what JSON can hold, null included
  /// @param tools tool definitions for the template; empty when the request has none
  /// @param variables further template variables
  /// @param addGenerationPrompt whether the rendering ends where an assistant's answer begins
  /// @param continueFinalMessage whether the last message is left open to be continued
  /// @param addSpecialTokens whether the tokenizer adds its special tokens to the rendered text
  /// @param template a template to use instead of the model's
  record Chat(
      List<Map<String, Object>> messages,
      Optional<List<Object>> tools,
      Map<String, Object> variables,
      boolean addGenerationPrompt,
      boolean continueFinalMessage,
      boolean addSpecialTokens,
      Optional<String> template)
      implements Prompt {
    /// Checks what every template relies on.
    public Chat {
      if (messages.isEmpty()) {
        throw EngineException.invalidArgument("messages", "empty", "at least one message");
      }
      if (addGenerationPrompt && continueFinalMessage) {
        throw EngineException.invalidArgument(
            "continue_final_message", true, "false, when add_generation_prompt is true");
      }
    }

    /// The last message's content when it is text, else empty text.
    public String lastContent() {
      return messages.getLast().get("content") instanceof String text ? text : "";
    }
  }
}
