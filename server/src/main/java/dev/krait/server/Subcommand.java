package dev.krait.server;

import java.io.PrintStream;
import java.nio.file.Path;

/// A command of another module, which [ServerMain] finds as a service.
public interface Subcommand {
  /// An object with picocli's annotations, or a picocli command line.
  ///
  /// @param out for what was asked for
  /// @param home folder of the checkout, with `models/`
  Object command(PrintStream out, Path home);
}
