package dev.krait.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/// What every refusal of a file has in common.
final class Refusals {
  private Refusals() {}

  /// The message of an INVALID_CHECKPOINT, which has an expectation.
  static AbstractStringAssert<?> refusalOf(ThrowingCallable call) {
    return messageOf(ErrorCode.INVALID_CHECKPOINT, call);
  }

  /// The message of a NOT_FOUND, which has an expectation.
  static AbstractStringAssert<?> absenceOf(ThrowingCallable call) {
    return messageOf(ErrorCode.NOT_FOUND, call);
  }

  private static AbstractStringAssert<?> messageOf(ErrorCode code, ThrowingCallable call) {
    EngineException failure = catchThrowableOfType(EngineException.class, call);
    assertThat(failure).as("a refusal").isNotNull();
    assertThat(failure.code()).isEqualTo(code);
    return assertThat(failure.getMessage()).contains("(expected: ");
  }
}
