package dev.krait.testing;

import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/// What the JVM has still to compile.
///
/// A test of compiled code that waits here between its rounds needs the same number of rounds on a
/// busy machine as on a quiet one.
public final class CompilerQueue {
  private static final long POLL_NANOS = 500_000;

  private CompilerQueue() {}

  /// Returns once nothing waits for a compiler and none runs.
  public static void awaitEmpty() {
    String contents = contents();
    while (!isEmpty(contents)) {
      if (Thread.currentThread().isInterrupted()) {
        throw new AssertionError("the compilers do not come to an end:\n" + contents);
      }
      LockSupport.parkNanos(POLL_NANOS);
      contents = contents();
    }
  }

  /// Only the titles are left.
  private static boolean isEmpty(String contents) {
    return contents
        .lines()
        .map(String::strip)
        .allMatch(line ->
            line.isEmpty()
                || line.equals("Empty")
                || line.equals("Current compiles:")
                || line.endsWith(" compile queue:"));
  }

  private static String contents() {
    MBeanServer server = ManagementFactory.getPlatformMBeanServer();
    try {
      ObjectName commands = new ObjectName("com.sun.management:type=DiagnosticCommand");
      Object[] arguments = {null};
      String[] signature = {String[].class.getName()};
      return (String) server.invoke(commands, "compilerQueue", arguments, signature);
    } catch (JMException failure) {
      throw new IllegalStateException(failure);
    }
  }
}
