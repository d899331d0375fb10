package dev.krait.benchmarks;

import java.io.Serial;

/// A request of the load generator that was not answered whole.
final class LoadFailure extends Exception {
  @Serial private static final long serialVersionUID = 1;

  LoadFailure(String reason) {
    super(reason);
  }
}
