package dev.krait.server;

import dev.krait.error.EngineException;
import dev.krait.loading.ModelConfig;
import dev.krait.server.hub.Hub;
import dev.krait.server.hub.HubSettings;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.bridge.SLF4JBridgeHandler;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/// The command line: `krait serve`, `krait chat`, `krait generate`, `krait pull`, `krait models`,
/// `krait version`, and each [Subcommand].
///
/// Every option can also be set by an environment variable: `--max-sequences` by
/// `KRAIT_MAX_SEQUENCES`; an empty variable is the same as none.
public final class ServerMain {
  private ServerMain() {}

  /// Runs a command and ends the process with its exit code.
  public static void main(String[] arguments) {
    // The tokenizer library would otherwise look for a network and for CUDA.
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("RUST_FLAVOR", "cpu");
    // gRPC writes to the logging of the JDK: one log for all.
    SLF4JBridgeHandler.removeHandlersForRootLogger();
    SLF4JBridgeHandler.install();
    int code = Exit.FAILED;
    try {
      code = commandLine(System.out, System.err, System.getenv()).execute(arguments);
    } catch (Throwable failure) {
      // Not to continue: other threads would keep a process alive that does nothing any more.
      System.err.println("krait: " + failure);
    } finally {
      System.exit(code);
    }
  }

  /// The command line, for the process and for tests; more subcommands may be added.
  ///
  /// @param out for what was asked for
  /// @param notes for everything else
  /// @param environment where defaults may come from
  public static CommandLine commandLine(
      PrintStream out, PrintStream notes, Map<String, String> environment) {
    String version = version();
    Environment variables = new Environment(environment);
    Function<Boolean, Hub> hubs =
        offline ->
            new Hub(HubSettings.of(environment, offline), notes::println, ModelConfig::require);
    CommandLine line =
        new CommandLine(new Root(notes))
            .addSubcommand(new ServeCommand(new ModelOptions(hubs), out, notes, version))
            .addSubcommand(new GenerateCommand(new ModelOptions(hubs), out))
            .addSubcommand(new ChatCommand(new ModelOptions(hubs), out, notes))
            .addSubcommand(new PullCommand(hubs, out))
            .addSubcommand(new ModelsCommand(hubs, out))
            .addSubcommand(new ConstraintCommand(out))
            .addSubcommand(new VersionCommand(out, version));
    for (Subcommand other : ServiceLoader.load(Subcommand.class)) {
      line.addSubcommand(other.command(out, home()));
    }
    line.registerConverter(ByteSize.class, ServerMain::size);
    line.setParameterExceptionHandler(
        (failure, arguments) -> Refusals.ofArguments(failure, arguments, variables));
    line.setExecutionExceptionHandler(
        (failure, command, parsed) -> Refusals.ofExecution(failure, command, variables, notes));
    line.setExecutionStrategy(parsed -> {
      Optional<Integer> refused = Refusals.ofEnvironment(parsed, variables, notes);
      return refused.isPresent() ? refused.get() : new CommandLine.RunLast().execute(parsed);
    });
    line.setCaseInsensitiveEnumValuesAllowed(true);
    Stream.concat(Stream.of(line), line.getSubcommands().values().stream())
        .forEach(command -> {
          command.getCommandSpec().version("krait " + version);
          command.setDefaultValueProvider(new EnvironmentDefaults(variables));
        });
    return line;
  }

  /// A size on the command line; what is wrong with it belongs to the option's message.
  private static ByteSize size(String text) {
    try {
      return ByteSize.parse(text);
    } catch (EngineException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  /// The checkout, which the `krait` script names; the current folder otherwise.
  private static Path home() {
    return Path.of(System.getProperty("krait.home", ""));
  }

  /// The version that the build wrote down.
  static String version() {
    Properties properties = new Properties();
    try (InputStream in = ServerMain.class.getResourceAsStream("version.properties")) {
      properties.load(Objects.requireNonNull(in, "version.properties"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version", "unknown");
  }

  /// Says what there is when no command is given.
  @Command(
      name = "krait",
      description = "Serves hybrid Mamba/attention language models.",
      mixinStandardHelpOptions = true,
      synopsisSubcommandLabel = "COMMAND")
  private record Root(PrintStream notes) implements Callable<Integer> {
    @Override
    public Integer call() {
      notes.println(
          "krait: no command (expected: serve, chat, generate, pull, test, version or another of krait --help)");
      return Exit.USAGE;
    }
  }

  /// Prints the version.
  @Command(name = "version", description = "Prints the version.", mixinStandardHelpOptions = true)
  private record VersionCommand(PrintStream out, String version) implements Callable<Integer> {
    @Override
    public Integer call() {
      out.println("krait " + version);
      return Exit.OK;
    }
  }

  /// Defaults from environment variables.
  private record EnvironmentDefaults(Environment environment) implements IDefaultValueProvider {
    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
      return argument instanceof OptionSpec option && Refusals.hasVariable(option)
          ? environment.value(Environment.variable(option.longestName())).orElse(null)
          : null;
    }
  }
}
