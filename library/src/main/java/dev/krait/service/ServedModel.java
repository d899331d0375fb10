package dev.krait.service;

import dev.krait.engine.ModelInfo;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.reply.ReplyFormat;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// The loaded model as the service and its endpoints know it.
///
/// @param names what requests may call it; the first is used in answers
/// @param folder where its files are
/// @param info limits, end tokens and sampling defaults
/// @param tokenizer its tokenizer
/// @param template its chat template, if it has one
/// @param replies how it writes replies in chats
public record ServedModel(
    List<String> names,
    Path folder,
    ModelInfo info,
    Tokenizer tokenizer,
    Optional<ChatTemplate> template,
    ReplyFormat replies) {

  /// Checks that there is a name.
  public ServedModel {
    names = List.copyOf(names);
    if (names.isEmpty()) {
      throw EngineException.invalidArgument("served-model-name", "none", "at least one");
    }
  }

  /// A model whose replies are text alone.
  public ServedModel(
      List<String> names,
      Path folder,
      ModelInfo info,
      Tokenizer tokenizer,
      Optional<ChatTemplate> template) {
    this(names, folder, info, tokenizer, template, ReplyFormat.plain());
  }

  /// The name that answers carry.
  public String name() {
    return names.getFirst();
  }

  /// Accepts a missing name and the model's own.
  ///
  /// @throws EngineException with NOT_FOUND for any other
  public void checkName(Optional<String> asked) {
    if (asked.isPresent() && !asked.get().isEmpty() && !names.contains(asked.get())) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "model",
          "model: "
              + EngineException.shown(asked.get())
              + " (expected: "
              + String.join(", ", names)
              + ")");
    }
  }
}
