package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.util.Arrays;
import java.util.OptionalInt;

/// Prompts to token ids: renders conversations, encodes text, checks ids. Any thread.
public final class PromptEncoder {
  private final ServedModel model;

  /// Creates an encoder for a model.
  public PromptEncoder(ServedModel model) {
    this.model = model;
  }

  /// Token ids of a prompt, which may be more than a generation can continue.
  ///
  /// @throws EngineException with INVALID_ARGUMENT when the prompt cannot be one of this model,
  ///   CONTEXT_LENGTH_EXCEEDED when its text has more characters than the model's context can hold:
  ///   the most tokens times the characters of the longest. Encoding takes time, and such a text
  ///   could not be of use. The same for more bytes than the tokenizer takes.
  public TokenIds encode(Prompt prompt) {
    return switch (prompt) {
      case Prompt.Ids ids -> checked("prompt", ids.ids());
      case Prompt.Text text -> encode("prompt", text.text(), text.addSpecialTokens());
      case Prompt.Chat chat -> encode("messages", render(chat), chat.addSpecialTokens());
    };
  }

  /// Token ids of a prompt that a generation can continue.
  ///
  /// @param keepLast cuts the prompt to its last so many tokens, and to what leaves room for
  ///   `maxTokens`
  /// @param maxTokens tokens that will be generated, if that is known; else at least one
  /// @throws EngineException with INVALID_ARGUMENT when the prompt is empty,
  ///   CONTEXT_LENGTH_EXCEEDED when it and `maxTokens` are more than the context
  public TokenIds encodeToContinue(Prompt prompt, OptionalInt keepLast, OptionalInt maxTokens) {
    TokenIds ids = encode(prompt);
    int room = model.info().maxTokens() - maxTokens.orElse(1);
    int keep = Math.min(keepLast.orElse(Integer.MAX_VALUE), room);
    if (keepLast.isPresent() && keep > 0 && ids.size() > keep) {
      int[] all = ids.toArray();
      ids = TokenIds.of(Arrays.copyOfRange(all, all.length - keep, all.length));
    }
    if (ids.size() == 0) {
      throw EngineException.invalidArgument(name(prompt), "no token", "at least one token");
    }
    if (ids.size() > room) {
      throw tooLong(name(prompt), ids.size(), maxTokens);
    }
    return ids;
  }

  /// Checks that ids are in the vocabulary.
  ///
  /// @param field what holds them, for the message
  public TokenIds checked(String field, TokenIds ids) {
    int vocabSize = model.info().vocabSize();
    for (int i = 0; i < ids.size(); i++) {
      if (ids.at(i) < 0 || ids.at(i) >= vocabSize) {
        throw EngineException.invalidArgument(
            field + "[" + i + "]", ids.at(i), "a token id, 0 to " + (vocabSize - 1));
      }
    }
    return ids;
  }

  /// Text of a prompt as an answer repeats it.
  String echo(Prompt prompt, TokenIds ids, boolean skipSpecialTokens) {
    return switch (prompt) {
      case Prompt.Text text -> text.text();
      case Prompt.Ids _ ->
          model.tokenizer().decode(ids.toArray(), 0, ids.size(), skipSpecialTokens);
      case Prompt.Chat chat -> chat.lastContent();
    };
  }

  private TokenIds encode(String field, String text, boolean addSpecialTokens) {
    Tokenizer tokenizer = model.tokenizer();
    long most = (long) model.info().maxTokens() * tokenizer.maxCharactersPerToken();
    if (text.length() > most) {
      throw tooLong(
          field,
          "more than %d tokens (%d characters in the %s, at most %d can fit)"
              .formatted(model.info().maxTokens(), text.length(), field, most));
    }
    long bytes = Tokenizer.utf8Bytes(text);
    if (bytes > tokenizer.maxInputBytes()) {
      throw new EngineException(
          ErrorCode.CONTEXT_LENGTH_EXCEEDED,
          field,
          "%s: %d bytes of text (expected: at most %d, which the tokenizer takes at once)"
              .formatted(field, bytes, tokenizer.maxInputBytes()));
    }
    return TokenIds.of(tokenizer.encode(text, addSpecialTokens));
  }

  private EngineException tooLong(String field, int promptTokens, OptionalInt maxTokens) {
    long all = (long) promptTokens + maxTokens.orElse(1);
    String least = maxTokens.isPresent() ? "" : "at least ";
    return tooLong(
        field,
        "%s%d tokens (%d in the %s, %s%d in the completion)"
            .formatted(least, all, promptTokens, field, least, maxTokens.orElse(1)));
  }

  /// In the words of OpenAI, by which frameworks know this error; LangChain by the last five, since
  /// OpenAI's package has stopped to add the code.
  private EngineException tooLong(String field, String requested) {
    return new EngineException(
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        field,
        "This model's maximum context length is %d tokens. However, you requested %s. Please reduce the length of the %s or the completion: the prompt is too long."
            .formatted(model.info().maxTokens(), requested, field));
  }

  private String render(Prompt.Chat chat) {
    int most = model.info().maxTokens();
    if (chat.messages().size() > most) {
      throw tooLong(
          "messages", "more than %d tokens (%d messages)".formatted(most, chat.messages().size()));
    }
    return template(chat)
        .render(
            chat.messages(),
            chat.addGenerationPrompt(),
            chat.continueFinalMessage(),
            chat.tools().shown(),
            chat.variables());
  }

  private ChatTemplate template(Prompt.Chat chat) {
    if (chat.template().isPresent()) {
      return ChatTemplate.of(chat.template().get(), model.tokenizer().specialTokens());
    }
    return model
        .template()
        .orElseThrow(() ->
            new EngineException(
                ErrorCode.INVALID_ARGUMENT,
                "messages",
                "messages: the model has no chat template (expected: /v1/completions)"));
  }

  private static String name(Prompt prompt) {
    return prompt instanceof Prompt.Chat ? "messages" : "prompt";
  }
}
