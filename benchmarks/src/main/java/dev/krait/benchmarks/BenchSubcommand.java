package dev.krait.benchmarks;

import dev.krait.server.Subcommand;
import java.io.PrintStream;
import java.nio.file.Path;
import picocli.CommandLine;

/// Adds `krait bench` and `krait bench load` to a command line that has this module on its class
/// path.
public final class BenchSubcommand implements Subcommand {
  @Override
  public Object command(PrintStream out, Path home) {
    return new CommandLine(new BenchCommand(out, home)).addSubcommand(new LoadCommand(out));
  }
}
