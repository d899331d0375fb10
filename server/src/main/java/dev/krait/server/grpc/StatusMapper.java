package dev.krait.server.grpc;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.Code;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.ErrorDetail;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;

/// Errors as gRPC tells them: the one place where [ErrorCode]s become statuses.
final class StatusMapper {
  private StatusMapper() {}

  /// The failure of a call, with an [ErrorDetail] that carries our own code.
  static StatusRuntimeException of(EngineException failure) {
    String message = String.valueOf(failure.getMessage());
    ErrorDetail detail =
        ErrorDetail.newBuilder()
            .setCode(proto(failure.code()))
            .setMessage(message)
            .setField(failure.field().orElse(""))
            .build();
    Status.Builder status =
        Status.newBuilder()
            .setCode(status(failure.code()).getNumber())
            .setMessage(message)
            .addDetails(Any.pack(detail));
    failure
        .retryAfterSeconds()
        .ifPresent(seconds -> {
          Duration delay = Duration.newBuilder().setSeconds(seconds).build();
          status.addDetails(Any.pack(RetryInfo.newBuilder().setRetryDelay(delay).build()));
        });
    return StatusProto.toStatusRuntimeException(status.build());
  }

  /// gRPC's code for a category.
  static Code status(ErrorCode code) {
    return switch (code) {
      case INVALID_ARGUMENT, CONTEXT_LENGTH_EXCEEDED -> Code.INVALID_ARGUMENT;
      case NOT_FOUND -> Code.NOT_FOUND;
      case UNSUPPORTED -> Code.UNIMPLEMENTED;
      case INVALID_CHECKPOINT -> Code.FAILED_PRECONDITION;
      case RESOURCE_EXHAUSTED -> Code.RESOURCE_EXHAUSTED;
      case DEADLINE_EXCEEDED -> Code.DEADLINE_EXCEEDED;
      case CANCELLED -> Code.CANCELLED;
      case UNAVAILABLE -> Code.UNAVAILABLE;
      case INTERNAL -> Code.INTERNAL;
    };
  }

  /// Our own code as the protocol writes it.
  static dev.krait.proto.inference.v1.ErrorCode proto(ErrorCode code) {
    return dev.krait.proto.inference.v1.ErrorCode.valueOf("ERROR_CODE_" + code.name());
  }
}
