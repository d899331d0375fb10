package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.generation.TokenIds;
import dev.krait.reply.ToolUse;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

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
  /// @param tools the tools that it may call
  /// @param variables further template variables
  /// @param addGenerationPrompt whether the rendering ends where an assistant's answer begins
  /// @param continueFinalMessage whether the last message is left open to be continued
  /// @param addSpecialTokens whether the tokenizer adds its special tokens to the rendered text
  /// @param template a template to use instead of the model's
  record Chat(
      List<Map<String, Object>> messages,
      ToolUse tools,
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

    /// The text of the last message, that of its parts on lines of their own; empty without any.
    public String lastContent() {
      return switch (messages.getLast().get("content")) {
        case String text -> text;
        case List<?> parts ->
            parts.stream()
                .map(part -> part instanceof Map<?, ?> map ? map.get("text") : part)
                .map(String::valueOf)
                .collect(Collectors.joining("\n"));
        case null, default -> "";
      };
    }
  }
}
