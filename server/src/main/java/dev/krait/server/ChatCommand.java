package dev.krait.server;

import dev.krait.Krait;
import dev.krait.Options;
import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Converses in the terminal, or with what is piped in.
@Command(
    name = "chat",
    description = "Chats in the terminal; a line of input is a message.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ChatCommand implements Callable<Integer> {
  @Mixin private final ModelOptions model;

  @Option(names = "--system", paramLabel = "TEXT", description = "What the model is to keep to.")
  private Optional<String> system = Optional.empty();

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of a reply; default: what the context leaves.")
  private Optional<Integer> maxTokens = Optional.empty();

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 always takes the most probable token; default: the model's.")
  private Optional<Double> temperature = Optional.empty();

  @Option(names = "--seed", paramLabel = "N", description = "Same seed, same text.")
  private Optional<Long> seed = Optional.empty();

  private final PrintStream out;
  private final PrintStream notes;

  ChatCommand(ModelOptions model, PrintStream out, PrintStream notes) {
    this.model = model;
    this.out = out;
    this.notes = notes;
  }

  @Override
  public Integer call() throws IOException {
    ModelText.requireTokenizer(model.modelFolder(), model.tokenizerFolder());
    boolean terminal =
        Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    ChatLoop.Output to = new ChatLoop.Output(out, notes, terminal);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (Krait krait = Krait.open(model.engine(), model.chatTemplate())) {
      ChatLoop loop = new ChatLoop(krait, options(), system, to);
      StopSignals.onInterrupt(() -> {
        if (!loop.interrupt()) {
          notes.println();
          notes.println(loop.speed());
          System.exit(Exit.OK);
        }
      });
      loop.run(in);
      return Exit.OK;
    }
  }

  private Options options() {
    Options.Builder options = Options.builder();
    maxTokens.ifPresent(options::maxTokens);
    temperature.ifPresent(options::temperature);
    seed.ifPresent(options::seed);
    return options.build();
  }
}
