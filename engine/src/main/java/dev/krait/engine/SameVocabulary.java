package dev.krait.engine;

import dev.krait.error.EngineException;
import dev.krait.loading.ModelLoader;
import dev.krait.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Refuses a draft model whose token ids mean something else than the target's.
///
/// Numbers of ids are always compared, tokens where both folders have a tokenizer.json.
final class SameVocabulary {
  private SameVocabulary() {}

  /// Checks the draft model.
  ///
  /// @param tokens folder of the target's tokenizer
  /// @return a line for people when the tokens could not be compared
  /// @throws EngineException INVALID_ARGUMENT with the first difference
  static Optional<String> require(ModelLoader target, Path tokens, ModelLoader draft) {
    int targetIds = target.spec().vocabSize();
    int draftIds = draft.spec().vocabSize();
    if (targetIds != draftIds) {
      throw EngineException.invalidArgument(
          "draft-model vocabulary", draftIds + " ids", "the target's " + targetIds + " ids");
    }
    Path targetFile = tokens.resolve("tokenizer.json");
    Path draftFile = draft.folder().path().resolve("tokenizer.json");
    for (Path file : List.of(targetFile, draftFile)) {
      if (!Files.exists(file)) {
        return Optional.of(
            "draft model: its tokens could not be compared, only their number, without " + file);
      }
    }
    if (sameBytes(targetFile, draftFile)) {
      return Optional.empty();
    }
    try (Tokenizer targetTokenizer = Tokenizer.open(tokens);
        Tokenizer draftTokenizer = Tokenizer.open(draft.folder().path())) {
      Optional<String> difference = targetTokenizer.firstDifference(draftTokenizer);
      if (difference.isPresent()) {
        throw EngineException.invalidArgument(
            "draft-model tokenizer", difference.get(), "the target's vocabulary");
      }
    }
    return Optional.empty();
  }

  private static boolean sameBytes(Path a, Path b) {
    try {
      return Files.mismatch(a, b) == -1;
    } catch (IOException failure) {
      throw EngineException.invalidCheckpoint("cannot read " + a + " or " + b + ": " + failure);
    }
  }
}
