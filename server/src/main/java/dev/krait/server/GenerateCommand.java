package dev.krait.server;

import dev.krait.engine.StepListener;
import dev.krait.reply.ToolUse;
import dev.krait.service.Admission;
import dev.krait.service.Generation;
import dev.krait.service.GenerationListener;
import dev.krait.service.GenerationService;
import dev.krait.service.OutputOptions;
import dev.krait.service.Prompt;
import dev.krait.service.PromptRequest;
import dev.krait.service.SamplingRequest;
import dev.krait.service.ServedModel;
import dev.krait.service.StopRequest;
import dev.krait.service.TextChunk;
import dev.krait.text.ChatTemplate;
import dev.krait.text.Tokenizer;
import java.io.PrintStream;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Generates once, in this process, streaming to the terminal.
@Command(
    name = "generate",
    description = "Generates text once, in the terminal.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
  @Mixin private final ModelOptions model;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      required = true,
      description = "Text to continue, or with --chat what the user says.")
  private String prompt = "";

  @Option(names = "--chat", description = "Renders the prompt with the model's chat template.")
  private boolean chat;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description = "Most tokens to generate; default: ${DEFAULT-VALUE}.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 always takes the most probable token; default: the model's.")
  private Optional<Double> temperature = Optional.empty();

  @Option(names = "--seed", paramLabel = "N", description = "Same seed, same text.")
  private Optional<Long> seed = Optional.empty();

  @Option(names = "--stop", paramLabel = "TEXT", description = "Ends the text; may be repeated.")
  private List<String> stop = List.of();

  private final PrintStream out;

  GenerateCommand(ModelOptions model, PrintStream out) {
    this.model = model;
    this.out = out;
  }

  @Override
  public Integer call() {
    Path tokens = model.tokenizerFolder();
    ModelText.requireTokenizer(model.modelFolder(), tokens);
    try (ServedEngine engine = LoadedEngine.open(model.engine(), StepListener.none(), line -> {});
        Tokenizer tokenizer = Tokenizer.open(tokens)) {
      Optional<ChatTemplate> template =
          chat ? ModelText.template(tokens, model.chatTemplate()) : Optional.empty();
      ServedModel served =
          new ServedModel(
              List.of("model"), model.modelFolder(), engine.model(), tokenizer, template);
      GenerationService service =
          new GenerationService(
              served,
              engine.handle(),
              new Admission(1),
              GenerationListener.none(),
              new SecureRandom()::nextLong);
      print(service);
      return Exit.OK;
    }
  }

  private void print(GenerationService service) {
    try (Generation generation = service.start(request())) {
      boolean more = true;
      while (more) {
        TextChunk chunk = generation.parts().getFirst().stream().next();
        out.print(chunk.text());
        out.flush();
        more = chunk.finish().isEmpty();
      }
      out.println();
    }
  }

  private PromptRequest request() {
    SamplingRequest usual = SamplingRequest.defaults();
    SamplingRequest sampling =
        new SamplingRequest(
            temperature.map(OptionalDouble::of).orElse(usual.temperature()),
            usual.topK(),
            usual.topP(),
            usual.minP(),
            seed.map(OptionalLong::of).orElse(usual.seed()),
            usual.repetitionPenalty(),
            usual.presencePenalty(),
            usual.frequencyPenalty(),
            usual.logitBias());
    StopRequest ends = StopRequest.after(OptionalInt.of(maxTokens));
    return new PromptRequest(
        "terminal",
        Optional.empty(),
        List.of(asked()),
        1,
        sampling,
        new StopRequest(ends.maxTokens(), 0, stop, false, ends.tokenIds(), false),
        OutputOptions.textOnly(),
        OptionalInt.empty(),
        0,
        Optional.empty());
  }

  private Prompt asked() {
    return chat
        ? new Prompt.Chat(
            List.of(Map.of("role", "user", "content", prompt)),
            ToolUse.none(),
            Map.of(),
            true,
            false,
            false,
            Optional.empty())
        : new Prompt.Text(prompt, true);
  }
}
