package dev.krait.server;

/// Exit codes of the process.
final class Exit {
  /// Done, or drained after a signal.
  static final int OK = 0;

  /// The model could not be loaded, or the generation failed.
  static final int FAILED = 1;

  /// The command line is wrong.
  static final int USAGE = 2;

  /// A port is taken. The virtual machine ends with the same code when its heap is full.
  static final int PORT_TAKEN = 3;

  /// The engine or its device failed while serving.
  static final int ENGINE_FAILED = 70;

  /// Requests were broken off when the time to drain was up, or by a second signal.
  static final int BROKEN_OFF = 75;

  private Exit() {}
}
