package dev.krait.scheduler;

/// Whom to push back when memory says no.
///
/// The running sequence of the lowest priority, among those the latest arrival: never one that
/// ranks before the needy one, so that somebody always gets on. It may be the needy one itself.
final class PreemptionPolicy {

  ActiveSequence victim(RunningList running) {
    return running.last();
  }
}
