package dev.krait.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.testing.TestServer;
import dev.krait.text.Tokenizer;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PromptEncoderTest {
  private static final int MAX_BYTES = 10;

  private final Tokenizer tokenizer = Tokenizer.open(TestServer.modelFolder(), MAX_BYTES);
  private final PromptEncoder encoder = new PromptEncoder(TestServer.served(tokenizer));

  @AfterEach
  void close() {
    tokenizer.close();
  }

  @Test
  void textThatTheTokenizerDoesNotTakeIsTooLongForTheContext() {
    assertThat(encoder.encode(new Prompt.Text("ab cd ef\u00a0", false)).size())
        .as("nine characters and ten bytes")
        .isPositive();
    assertThatThrownBy(() -> encoder.encode(new Prompt.Text("ab cd ef  \u00a0", false)))
        .isInstanceOfSatisfying(
            EngineException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.CONTEXT_LENGTH_EXCEEDED);
              assertThat(e.field()).isEqualTo(Optional.of("prompt"));
              assertThat(e)
                  .hasMessageStartingWith("prompt: 12 bytes of text (expected: at most 10");
            });
  }
}
