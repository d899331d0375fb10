package dev.krait.server;

/// In which order requests run, on the command line; the names are vLLM's.
enum SchedulingPolicy {
  FCFS,
  PRIORITY
}
