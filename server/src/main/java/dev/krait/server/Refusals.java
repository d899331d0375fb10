package dev.krait.server;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.error.NearestNames;
import java.io.PrintStream;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/// What the command line answers to mistakes: one line that names the argument or the variable.
final class Refusals {
  private Refusals() {}

  /// True for options that a variable may set: no switch that ends the command, nothing hidden.
  static boolean hasVariable(OptionSpec option) {
    return option.longestName().startsWith("--")
        && !option.usageHelp()
        && !option.versionHelp()
        && !option.hidden();
  }

  /// Arguments that cannot be read.
  static int ofArguments(ParameterException failure, String[] arguments, Environment environment) {
    CommandLine command = failure.getCommandLine();
    String help = command.getCommandSpec().qualifiedName() + " --help";
    command
        .getErr()
        .println(
            "krait: "
                + text(failure)
                + variable(failure, List.of(arguments), environment)
                + "; see "
                + help);
    return Exit.USAGE;
  }

  private static String text(ParameterException failure) {
    if (!(failure instanceof UnmatchedArgumentException unmatched)) {
      return String.valueOf(failure.getMessage()).lines().findFirst().orElse("bad arguments");
    }
    CommandSpec command = failure.getCommandLine().getCommandSpec();
    String found = unmatched.getUnmatched().getFirst();
    boolean isOption = unmatched.isUnknownOption();
    Collection<String> names =
        isOption
            ? command.options().stream().map(OptionSpec::longestName).toList()
            : command.subcommands().keySet();
    String nearest =
        NearestNames.of(found.split("=", 2)[0], names, 1).stream()
            .map(name -> " (nearest: " + name + ")")
            .collect(Collectors.joining());
    return (isOption ? "unknown option " : "unexpected argument ") + found + nearest;
  }

  /// The variable that a bad value came from.
  private static String variable(
      ParameterException failure, List<String> arguments, Environment environment) {
    if (!(failure.getArgSpec() instanceof OptionSpec option) || !hasVariable(option)) {
      return "";
    }
    boolean given =
        arguments.stream()
            .anyMatch(argument ->
                Stream.of(option.names())
                    .anyMatch(name -> argument.equals(name) || argument.startsWith(name + "=")));
    return given ? "" : from(option, environment);
  }

  private static String from(OptionSpec option, Environment environment) {
    String variable = Environment.variable(option.longestName());
    return environment.value(variable).isPresent() ? " (from " + variable + ")" : "";
  }

  /// Variables that nobody reads, before a command starts that reads some.
  ///
  /// @return the exit code when the command must not run
  static Optional<Integer> ofEnvironment(
      ParseResult parsed, Environment environment, PrintStream notes) {
    ParseResult last = parsed.hasSubcommand() ? parsed.subcommand() : parsed;
    if (last.isUsageHelpRequested() || last.isVersionHelpRequested() || !reads(last)) {
      return Optional.empty();
    }
    environment.ignored().ifPresent(line -> notes.println("krait: " + line));
    CommandSpec root = parsed.commandSpec();
    Collection<String> options =
        root.subcommands().values().stream()
            .flatMap(command -> command.getCommandSpec().options().stream())
            .filter(Refusals::hasVariable)
            .map(OptionSpec::longestName)
            .toList();
    Optional<String> problem = environment.problem(Set.copyOf(options));
    problem.ifPresent(line -> notes.println("krait: " + line));
    return problem.map(any -> Exit.USAGE);
  }

  private static boolean reads(ParseResult command) {
    return command.commandSpec().options().stream().anyMatch(Refusals::hasVariable);
  }

  /// One line for what the engine refuses; anything else is a defect and keeps its trace.
  static int ofExecution(
      Exception failure, CommandLine command, Environment environment, PrintStream notes)
      throws Exception {
    if (!(failure instanceof EngineException refusal)) {
      throw failure;
    }
    notes.println("krait: " + refusal.getMessage() + variable(refusal, command, environment));
    return refusal.code() == ErrorCode.UNAVAILABLE ? Exit.PORT_TAKEN : Exit.FAILED;
  }

  /// The engine's messages about arguments begin with the option's name.
  private static String variable(
      EngineException refusal, CommandLine command, Environment environment) {
    String message = String.valueOf(refusal.getMessage());
    String name = "--" + message.substring(0, Math.max(0, message.indexOf(':')));
    OptionSpec option = command.getCommandSpec().findOption(name);
    boolean given = command.getParseResult().hasMatchedOption(name);
    return option == null || given || !hasVariable(option) ? "" : from(option, environment);
  }
}
