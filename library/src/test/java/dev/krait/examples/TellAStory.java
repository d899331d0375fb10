package dev.krait.examples;

import dev.krait.AnswerStream;
import dev.krait.Chat;
import dev.krait.Krait;
import java.nio.file.Path;
import java.util.function.Consumer;

/// Krait as a library: a chat in this process, printed while it is generated.
public final class TellAStory {
  private TellAStory() {}

  /// Prints an answer of the shipped model. The first argument is the folder with `krait-tiny` and
  /// `krait-tiny-draft`.
  public static void main(String[] arguments) {
    answer(Path.of(arguments[0]), "Tell me a story about a snake.", System.out::print);
    System.out.println();
  }

  /// Streams the answer to one message.
  static void answer(Path models, String message, Consumer<String> out) {
    Krait.Builder model =
        Krait.builder(models.resolve("krait-tiny")).draftModel(models.resolve("krait-tiny-draft"));
    Chat chat =
        Chat.builder()
            .user(message)
            .options(options -> options.temperature(0).maxTokens(80))
            .build();
    try (Krait krait = model.open();
        AnswerStream answer = krait.stream(chat)) {
      answer.forEachText(out);
    }
  }
}
