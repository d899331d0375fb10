package dev.krait.server;

/// When sessions are read from their files.
enum RestoreSessions {
  /// When they are asked for.
  OFF,
  /// Also when a request names one first.
  LAZY
}
