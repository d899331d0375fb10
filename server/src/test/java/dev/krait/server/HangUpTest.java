package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.EngineStatus;
import dev.krait.engine.SentCommands;
import dev.krait.proto.inference.v1.CompleteRequest;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.proto.inference.v1.InferenceServiceGrpc.InferenceServiceStub;
import dev.krait.proto.inference.v1.Stop;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A client that hangs up while a step is in flight: its sequence is part of that step and of no
/// other, whichever way it came. Another client's sequence keeps the engine stepping.
class HangUpTest {
  private static final GenerateRequest LONG =
      GenerateRequest.newBuilder()
          .setPrompt("a")
          .setMaxTokens(50)
          .setStop(Stop.newBuilder().setIgnoreEndTokens(true))
          .build();

  private TestServer server;
  private ManagedChannel channel;

  @BeforeEach
  void start() {
    server = TestServer.start();
    server.runner().hold();
    int port = server.server().grpcPort().orElseThrow();
    channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.close();
  }

  @Test
  void leavingAStreamOfCompletionsCostsAtMostTheStepInFlight() {
    HttpCalls.Raw leaving = server.http().raw();
    assertLeavesAfterOneStep(() -> leaving.post("/v1/completions", body(true)), leaving::close);
  }

  @Test
  void leavingBeforeAWholeCompletionCostsAtMostTheStepInFlight() {
    HttpCalls.Raw leaving = server.http().raw();
    assertLeavesAfterOneStep(() -> leaving.post("/v1/completions", body(false)), leaving::close);
  }

  @Test
  void leavingAStreamOfGrpcCostsAtMostTheStepInFlight() {
    assertGrpcLeavesAfterOneStep(stub -> stub.generate(LONG, new Unread<>()));
  }

  @Test
  void leavingAUnaryCallOfGrpcCostsAtMostTheStepInFlight() {
    CompleteRequest whole = CompleteRequest.newBuilder().setGeneration(LONG).build();
    assertGrpcLeavesAfterOneStep(stub -> stub.complete(whole, new Unread<>()));
  }

  private void assertGrpcLeavesAfterOneStep(Consumer<InferenceServiceStub> call) {
    Context.CancellableContext context = Context.current().withCancellation();
    InferenceServiceStub stub = InferenceServiceGrpc.newStub(channel);
    assertLeavesAfterOneStep(
        () -> context.run(() -> call.accept(stub)), () -> context.cancel(null));
  }

  private void assertLeavesAfterOneStep(Runnable ask, Runnable hangUp) {
    try (HttpCalls.Raw staying = server.http().raw()) {
      staying.post("/v1/completions", body(true));
      Waiting.until(() -> server.runner().isHolding());
      ask.run();
      awaitCommand();
      step();
      assertThat(server.runner().sequencesInFlight()).isEqualTo(2);
      step();
      assertThat(server.runner().sequencesInFlight()).isEqualTo(2);

      hangUp.run();
      awaitCommand();
      step();
      assertThat(server.runner().sequencesInFlight()).isEqualTo(1);
      step();
      EngineStatus after = status();
      assertThat(after.running()).isEqualTo(1);
      assertThat(after.slotsUsed()).isEqualTo(1);
      assertThat(after.blocksUsed()).isEqualTo(1);

      server.runner().release();
      assertThat(staying.readUntil("[DONE]\n\n\r\n0\r\n\r\n")).contains("\"length\"");
    }
    Waiting.until(() -> server.server().requests() == 0);
    Waiting.until(() -> status().slotsUsed() == 0 && status().blocksUsed() == 0);
  }

  /// Waits until the engine has something to take after the step in flight.
  private void awaitCommand() {
    Waiting.until(() -> SentCommands.any(server.server().engine().handle()));
  }

  /// Ends the step in flight and waits until the next one is.
  private void step() {
    int before = server.runner().steps();
    server.runner().permit(1);
    Waiting.until(() -> server.runner().steps() == before + 1 && server.runner().isHolding());
  }

  private EngineStatus status() {
    return server.server().status();
  }

  private static String body(boolean stream) {
    return "{'prompt': 'a', 'max_tokens': 50, 'ignore_eos': true, 'stream': " + stream + "}";
  }

  /// What nobody waits for.
  private static final class Unread<T> implements StreamObserver<T> {
    @Override
    public void onNext(T message) {}

    @Override
    public void onError(Throwable failure) {}

    @Override
    public void onCompleted() {}
  }
}
