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
  private boolean hungUp;
  private final CallWriter<String> writer =
      new CallWriter<>(client, Duration.ofMillis(10), () -> hungUp = true);

  @Test
  void aClientThatDoesNotReadLosesItsCall() {
    writer.send("one");
    client.ready = false;
    assertUnread(() -> writer.send("two"));
    assertThat(client.got).containsExactly("one");
    assertThat(hungUp).isTrue();
    writer.fail(new StatusRuntimeException(Status.DEADLINE_EXCEEDED));
    assertThat(client.got).containsExactly("one", "error");
  }

  @Test
  void anEndedCallWhoseAnswerNobodyReadsLosesItsConnection() {
    writer.send("all of it");
    writer.complete();
    assertThat(hungUp).isFalse();
    writer.awaitRead();
    assertThat(hungUp).isTrue();
  }

  @Test
  void aFailureThatNobodyReadsEndsTheConnectionToo() {
    writer.fail(new StatusRuntimeException(Status.INTERNAL));
    writer.awaitRead();
    assertThat(hungUp).isTrue();
  }

  @Test
  void aClientThatReadsGetsItsEnd() {
    writer.send("one");
    writer.complete();
    client.close.run();
    writer.awaitRead();
    assertThat(client.got).containsExactly("one", "end");
    assertThat(hungUp).isFalse();
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
    private Runnable close = () -> {};

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
    public void setOnCloseHandler(Runnable handler) {
      close = handler;
    }

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
