package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.Code;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.ErrorDetail;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StatusMapperTest {
  private static final Map<ErrorCode, Code> STATUSES =
      Map.of(
          ErrorCode.INVALID_ARGUMENT, Code.INVALID_ARGUMENT,
          ErrorCode.CONTEXT_LENGTH_EXCEEDED, Code.INVALID_ARGUMENT,
          ErrorCode.NOT_FOUND, Code.NOT_FOUND,
          ErrorCode.UNSUPPORTED, Code.UNIMPLEMENTED,
          ErrorCode.INVALID_CHECKPOINT, Code.FAILED_PRECONDITION,
          ErrorCode.RESOURCE_EXHAUSTED, Code.RESOURCE_EXHAUSTED,
          ErrorCode.DEADLINE_EXCEEDED, Code.DEADLINE_EXCEEDED,
          ErrorCode.CANCELLED, Code.CANCELLED,
          ErrorCode.UNAVAILABLE, Code.UNAVAILABLE,
          ErrorCode.INTERNAL, Code.INTERNAL);

  @ParameterizedTest
  @EnumSource(ErrorCode.class)
  void everyCodeHasItsStatusAndTravelsInTheDetail(ErrorCode code)
      throws InvalidProtocolBufferException {
    StatusRuntimeException failure =
        StatusMapper.of(new EngineException(code, "top_p", "what was wrong"));
    com.google.rpc.Status status = Objects.requireNonNull(StatusProto.fromThrowable(failure));
    assertThat(Code.forNumber(status.getCode())).isEqualTo(STATUSES.get(code));
    ErrorDetail detail = status.getDetails(0).unpack(ErrorDetail.class);
    assertThat(detail.getCode().name()).isEqualTo("ERROR_CODE_" + code.name());
    assertThat(detail.getMessage()).isEqualTo("what was wrong");
    assertThat(detail.getField()).isEqualTo("top_p");
  }
}
