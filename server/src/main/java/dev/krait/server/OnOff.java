package dev.krait.server;

/// A switch on the command line.
enum OnOff {
  ON,
  OFF
}
