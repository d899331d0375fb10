package dev.krait.server;

import dev.krait.error.EngineException;
import dev.krait.server.bench.BenchCommand;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.slf4j.bridge.SLF4JBridgeHandler;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/// The command line: `krait serve`, `krait generate`, `krait bench`, `krait version`.
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
    int code = commandLine(System.out, System.err, System.getenv()).execute(arguments);
    System.exit(code);
  }

  /// The command line, for the process and for tests; more subcommands may be added.
  ///
  /// @param out for what was asked for
  /// @param notes for everything else
  /// @param environment where defaults may come from
  public static CommandLine commandLine(
      PrintStream out, PrintStream notes, Map<String, String> environment) {
    String version = version();
    CommandLine line =
        new CommandLine(new Root(notes))
            .addSubcommand(new ServeCommand(out, version))
            .addSubcommand(new GenerateCommand(out))
            .addSubcommand(new BenchCommand(out, home()))
            .addSubcommand(new VersionCommand(out, version));
    line.registerConverter(ByteSize.class, ServerMain::size);
    line.setExecutionExceptionHandler((failure, command, parsed) -> refused(failure, notes));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setDefaultValueProvider(new EnvironmentDefaults(environment));
    line.getSubcommands()
        .values()
        .forEach(command -> command.setDefaultValueProvider(new EnvironmentDefaults(environment)));
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

  /// One line for what the engine refuses; anything else is a defect and keeps its trace.
  private static int refused(Exception failure, PrintStream notes) throws Exception {
    if (failure instanceof EngineException refusal) {
      notes.println("krait: " + refusal.getMessage());
      return Exit.FAILED;
    }
    throw failure;
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
      notes.println("krait: no command (expected: serve, generate, bench, test or version)");
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

  /// Defaults from environment variables; an empty one is the same as none.
  private record EnvironmentDefaults(Map<String, String> environment)
      implements IDefaultValueProvider {
    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
      if (!(argument instanceof OptionSpec option)) {
        return null;
      }
      String name = option.longestName();
      if (!name.startsWith("--")) {
        return null;
      }
      String variable = "KRAIT_" + name.substring(2).replace('-', '_').toUpperCase(Locale.ROOT);
      String value = environment.get(variable);
      return value == null || value.isBlank() ? null : value;
    }
  }
}
