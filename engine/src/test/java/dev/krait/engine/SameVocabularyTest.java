package dev.krait.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.loading.ModelLoader;
import dev.krait.testing.DamagedModel;
import dev.krait.testing.GoldenModel;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SameVocabularyTest {
  private static final Path TARGET = GoldenModel.folder("mil2-25");

  @TempDir private Path temporary;

  private static Optional<String> require(Path target, Path draft) {
    try (ModelLoader opened = ModelLoader.open(target);
        ModelLoader other = ModelLoader.open(draft)) {
      return SameVocabulary.require(opened, opened.folder().path(), other);
    }
  }

  private static String refusal(Path target, Path draft) {
    EngineException failure =
        catchThrowableOfType(EngineException.class, () -> require(target, draft));
    assertThat(failure).as("a refusal").isNotNull();
    assertThat(failure.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT);
    return String.valueOf(failure.getMessage());
  }

  @Test
  void acceptsTheSameTokensWithoutAWord() {
    assertThat(require(TARGET, GoldenModel.folder("mil2-0"))).isEmpty();
  }

  @Test
  void acceptsTheSameTokensInAnotherFile() {
    DamagedModel draft =
        DamagedModel.of("mil2-0", temporary).replaced("tokenizer.json", "\"A\": 32,", "\"A\" :32,");

    assertThat(require(TARGET, draft.folder())).isEmpty();
  }

  @Test
  void refusesAnotherNumberOfIds() {
    assertThat(refusal(TARGET, GoldenModel.folder("llama-tied-odd")))
        .contains("draft-model vocabulary: 331 ids (expected: the target's 320 ids)");
  }

  @Test
  void refusesATokenizerOfAnotherFamily() {
    assertThat(refusal(TARGET, GoldenModel.folder("mamba1-hf"))).contains("draft-model tokenizer");
  }

  @Test
  void namesTheFirstTokenThatDiffers() {
    DamagedModel draft =
        DamagedModel.of("mil2-0", temporary)
            .replaced("tokenizer.json", "\"A\": 32,", "\"A\": 33,")
            .replaced("tokenizer.json", "\"B\": 33,", "\"B\": 32,");

    assertThat(refusal(TARGET, draft.folder())).contains("token 32: 'A' against 'B'");
  }

  @Test
  void saysWhenTokensCannotBeCompared() {
    DamagedModel draft = DamagedModel.of("mil2-0", temporary).without("tokenizer.json");
    String file = draft.folder().resolve("tokenizer.json").toString();

    assertThat(require(TARGET, draft.folder()))
        .hasValueSatisfying(
            line -> assertThat(line).contains("could not be compared").endsWith(file));
    assertThat(require(draft.folder(), TARGET))
        .hasValueSatisfying(line -> assertThat(line).endsWith(file));
  }

  @Test
  void comparesTheNumberOfIdsWithoutTokens() {
    DamagedModel draft = DamagedModel.of("llama-tied-odd", temporary).without("tokenizer.json");

    assertThat(refusal(TARGET, draft.folder())).contains("331 ids");
  }
}
