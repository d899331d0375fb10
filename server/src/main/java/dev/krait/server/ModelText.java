package dev.krait.server;

import dev.krait.error.EngineException;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The tokenizer and the chat template of a start.
final class ModelText {
  private static final Logger LOG = LoggerFactory.getLogger(ModelText.class);

  private ModelText() {}

  /// Says that a tokenizer is missing before weights are loaded; what is no model folder at all is
  /// the engine's to refuse.
  static void requireTokenizer(Path model, Path tokens) {
    if (Files.exists(model.resolve("config.json"))) {
      Tokenizer.requireFile(tokens);
    }
  }

  /// The template of a file where one is named, else the one beside the tokenizer.
  static Optional<ChatTemplate> template(Path tokens, Optional<Path> file) {
    return file.map(named -> Optional.of(ChatTemplate.open(tokens, named)))
        .orElseGet(() -> ChatTemplate.open(tokens));
  }

  /// The template, compiled behind the start; a first chat that comes sooner waits.
  static Optional<ChatTemplate> probed(Path tokens, Optional<Path> file) {
    Optional<ChatTemplate> template = template(tokens, file);
    template.ifPresent(opened -> Opening.background(() -> probe(opened)));
    return template;
  }

  private static void probe(ChatTemplate template) {
    try {
      template.probe();
    } catch (EngineException e) {
      LOG.warn("chats will fail: {}", e.getMessage());
    }
  }
}
