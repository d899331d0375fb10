package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CallWriterTest {
  private final Client client = new Client();
  private final CallWriter<String> writer = new CallWriter<>(client, Duration.ofMillis(10));

  @Test
  void aClientThatDoesNotReadLosesItsCall() {
    writer.send("one");
    client.ready = false;
    assertUnread(() -> writer.send("two"));
    assertThat(client.got).containsExactly("one");
    writer.fail(new StatusRuntimeException(Status.DEADLINE_EXCEEDED));
    assertThat(client.got).containsExactly("one", "error");
  }

  @Test
  void anAnswerIsOverOnlyWhenItHasBeenRead() {
    writer.send("all of it");
    client.ready = false;
    assertUnread(writer::complete);
    assertThat(client.got).containsExactly("all of it");
  }

  @Test
  void aClientThatReadsGetsItsEnd() {
    writer.send("one");
    writer.complete();
    assertThat(client.got).containsExactly("one", "end");
  }

  private static void assertUnread(Runnable action) {
    assertThatThrownBy(action::run)
        .isInstanceOfSatisfying(
            EngineException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED));
  }

  /// A client that is ready or not.
  private static final class Client extends ServerCallStreamObserver<String> {
    private final List<String> got = new ArrayList<>();
    private boolean ready = true;

    @Override
    public boolean isReady() {
      return ready;
    }

    @Override
    public void onNext(String message) {
      got.add(message);
    }

    @Override
    public void onError(Throwable failure) {
      got.add("error");
    }

    @Override
    public void onCompleted() {
      got.add("end");
    }

    @Override
    public boolean isCancelled() {
      return false;
    }

    @Override
    public void setOnCancelHandler(Runnable handler) {}

    @Override
    public void setOnReadyHandler(Runnable handler) {}

    @Override
    public void setOnReadyThreshold(int bytes) {}

    @Override
    public void setCompression(String compression) {}

    @Override
    public void disableAutoInboundFlowControl() {}

    @Override
    public void request(int count) {}

    @Override
    public void setMessageCompression(boolean enable) {}
  }
}
