package dev.krait.engine;

import dev.krait.error.EngineException;
import dev.krait.loading.ModelLoader;
import dev.krait.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Refuses a draft model whose token ids mean something else than the target's.
final class SameVocabulary {
  private SameVocabulary() {}

  static void require(ModelLoader target, ModelLoader draft) {
    int targetIds = target.spec().vocabSize();
    int draftIds = draft.spec().vocabSize();
    if (targetIds != draftIds) {
      throw EngineException.invalidArgument(
          "draft-model vocabulary", draftIds + " ids", "the target's " + targetIds + " ids");
    }
    Path targetFile = target.folder().path().resolve("tokenizer.json");
    Path draftFile = draft.folder().path().resolve("tokenizer.json");
    if (!Files.exists(targetFile) || !Files.exists(draftFile) || sameBytes(targetFile, draftFile)) {
      return;
    }
    try (Tokenizer targetTokenizer = Tokenizer.open(target.folder().path());
        Tokenizer draftTokenizer = Tokenizer.open(draft.folder().path())) {
      Optional<String> difference = targetTokenizer.firstDifference(draftTokenizer);
      if (difference.isPresent()) {
        throw EngineException.invalidArgument(
            "draft-model tokenizer", difference.get(), "the target's vocabulary");
      }
    }
  }

  private static boolean sameBytes(Path a, Path b) {
    try {
      return Files.mismatch(a, b) == -1;
    } catch (IOException failure) {
      throw EngineException.invalidCheckpoint("cannot read " + a + " or " + b + ": " + failure);
    }
  }
}
