package dev.krait.examples;

import dev.krait.engine.Engine;
import dev.krait.engine.EngineConfig;
import dev.krait.engine.SpeculationMode;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import dev.krait.text.ChatTemplate;
import dev.krait.text.IncrementalDecoder;
import dev.krait.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/// The engine as a library: from a chat message to text, in this process.
public final class PromptToText {
  private PromptToText() {}

  /// Prints an answer of the shipped model. The first argument is the folder with `krait-tiny` and
  /// `krait-tiny-draft`.
  public static void main(String[] arguments) {
    answer(Path.of(arguments[0]), "Tell me a story about a snake.", System.out::print);
    System.out.println();
  }

  /// Streams the answer to one message.
  static void answer(Path models, String message, Consumer<String> out) {
    Path folder = models.resolve("krait-tiny");
    EngineConfig config =
        EngineConfig.of(
            folder,
            set -> {
              set.speculation = SpeculationMode.DRAFT;
              set.draftFolder = Optional.of(models.resolve("krait-tiny-draft"));
              set.maxDraftTokens = 4;
            });
    try (Tokenizer tokenizer = Tokenizer.open(folder);
        Engine engine = Engine.open(config)) {
      ChatTemplate template = ChatTemplate.open(folder).orElseThrow();
      String prompt =
          template.render(
              List.of(Map.of("role", "user", "content", message)),
              true,
              false,
              Optional.empty(),
              Map.of());
      int[] promptIds = tokenizer.encode(prompt, false);
      TokenIds ends = engine.model().endTokenIds();
      TokenStream stream =
          engine
              .handle()
              .submit(
                  GenerationRequest.of(
                      "example",
                      TokenIds.of(promptIds),
                      SamplingParams.greedy(),
                      new StopConditions(80, 0, ends)));
      IncrementalDecoder decoder = new IncrementalDecoder(tokenizer, promptIds, true);
      GenerationEvent event = stream.next();
      while (event instanceof GenerationEvent.Tokens tokens) {
        for (int i = 0; i < tokens.ids().size(); i++) {
          out.accept(decoder.push(tokens.ids().at(i)));
        }
        event = stream.next();
      }
      out.accept(decoder.flush());
    }
  }
}
