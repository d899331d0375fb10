package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.proto.inference.v1.CompleteRequest;
import dev.krait.proto.inference.v1.CompleteResponse;
import dev.krait.proto.inference.v1.ErrorCode;
import dev.krait.proto.inference.v1.ErrorDetail;
import dev.krait.proto.inference.v1.FinishReason;
import dev.krait.proto.inference.v1.FinishedEvent;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.GenerateResponse;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.proto.inference.v1.InferenceServiceGrpc.InferenceServiceBlockingStub;
import dev.krait.proto.inference.v1.Message;
import dev.krait.proto.inference.v1.Report;
import dev.krait.proto.inference.v1.Sampling;
import dev.krait.proto.inference.v1.Stop;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GrpcTest {
  private static final GenerateRequest LONG =
      GenerateRequest.newBuilder()
          .setPrompt("a")
          .setMaxTokens(50)
          .setStop(Stop.newBuilder().setIgnoreEndTokens(true))
          .build();

  private TestServer server;
  private ManagedChannel channel;
  private InferenceServiceBlockingStub stub;

  @BeforeEach
  void start() {
    server = TestServer.start();
    channel = open(server);
    stub = InferenceServiceGrpc.newBlockingStub(channel);
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.close();
  }

  private static ManagedChannel open(TestServer server) {
    int port = server.server().grpcPort().orElseThrow();
    return NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
  }

  private List<GenerateResponse> generate(GenerateRequest request) {
    List<GenerateResponse> events = new ArrayList<>();
    stub.generate(request).forEachRemaining(events::add);
    return events;
  }

  @Test
  void streamsTokensThenOneEnd() {
    List<GenerateResponse> events =
        generate(GenerateRequest.newBuilder().setPrompt("Tell me").setMaxTokens(40).build());
    String text =
        events.stream()
            .filter(GenerateResponse::hasTokens)
            .map(event -> event.getTokens().getText())
            .collect(Collectors.joining());
    assertThat(text).isEqualTo(TestServer.TEXT);
    FinishedEvent end = events.getLast().getFinished();
    assertThat(end.getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
    int tokens =
        events.stream()
            .filter(GenerateResponse::hasTokens)
            .mapToInt(event -> event.getTokens().getTokenIdsCount())
            .sum();
    assertThat(end.getUsage().getCompletionTokens()).isEqualTo(tokens);
    assertThat(end.getUsage().getPromptTokens()).isPositive();
    assertThat(events.stream().filter(GenerateResponse::hasFinished)).hasSize(1);
  }

  @Test
  void collectsTheSameText() {
    CompleteResponse whole =
        stub.complete(
            CompleteRequest.newBuilder()
                .setGeneration(
                    GenerateRequest.newBuilder()
                        .addMessages(Message.newBuilder().setRole("user").setContent("Hi"))
                        .setSampling(Sampling.newBuilder().setTemperature(0).setSeed(5)))
                .build());
    assertThat(whole.getText()).isEqualTo(TestServer.TEXT);
    assertThat(whole.getTokenIdsCount())
        .isEqualTo(whole.getFinished().getUsage().getCompletionTokens());
  }

  @Test
  void givesTheSameTextAsHttp() {
    String http =
        server
            .http()
            .post("/v1/completions", "{'prompt': 'a', 'max_tokens': 7}")
            .json()
            .at("/choices/0/text")
            .stringValue();
    CompleteResponse grpc =
        stub.complete(
            CompleteRequest.newBuilder()
                .setGeneration(GenerateRequest.newBuilder().setPrompt("a").setMaxTokens(7))
                .build());
    assertThat(grpc.getText()).isEqualTo(http);
    assertThat(grpc.getFinished().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
  }

  @Test
  void reportsThePromptWhenAsked() {
    List<GenerateResponse> events =
        generate(
            GenerateRequest.newBuilder()
                .addAllPromptTokenIds(List.of(50, 60, 70))
                .setMaxTokens(1)
                .setReport(
                    Report.newBuilder().setPromptTokenIds(true).setPromptLogprobs(1).setLogprobs(2))
                .build());
    assertThat(events.getFirst().getPrompt().getTokenIdsList()).containsExactly(50, 60, 70);
    assertThat(events.getFirst().getPrompt().getLogprobsCount()).isEqualTo(2);
    assertThat(events.get(1).getTokens().getLogprobs(0).getTopCount()).isEqualTo(2);
    assertThat(events.get(1).getTokens().getLogprobs(0).getToken()).isEqualTo("Once");
  }

  @Test
  void namesTheStopStringThatEndedTheText() {
    List<GenerateResponse> events =
        generate(LONG.toBuilder().setStop(Stop.newBuilder().addStrings(" there")).build());
    assertThat(events.getLast().getFinished().getStopString()).isEqualTo(" there");
  }

  @Test
  void refusesWhatCanNeverRun() {
    assertRefused(GenerateRequest.getDefaultInstance(), Status.Code.INVALID_ARGUMENT);
    assertRefused(
        LONG.toBuilder().setMaxTokens(-1).clearStop().build(), Status.Code.INVALID_ARGUMENT);
    assertRefused(
        LONG.toBuilder().setSampling(Sampling.newBuilder().setTopP(2)).build(),
        Status.Code.INVALID_ARGUMENT);
    assertRefused(
        LONG.toBuilder().setSampling(Sampling.newBuilder().setTemperature(Float.NaN)).build(),
        Status.Code.INVALID_ARGUMENT);
    assertRefused(
        GenerateRequest.newBuilder().addPromptTokenIds(4096).build(), Status.Code.INVALID_ARGUMENT);
    assertRefused(
        LONG.toBuilder().setPrompt("once ".repeat(200)).build(), Status.Code.INVALID_ARGUMENT);
    assertRefused(LONG.toBuilder().setModel("gpt").build(), Status.Code.NOT_FOUND);
    assertRefused(
        LONG.toBuilder().setRequestId("a".repeat(257)).build(), Status.Code.INVALID_ARGUMENT);
    assertRefused(LONG.toBuilder().setRequestId("a\nb").build(), Status.Code.INVALID_ARGUMENT);
    Stop.Builder stops = Stop.newBuilder().addAllTokenIds(Collections.nCopies(1025, 5));
    assertRefused(LONG.toBuilder().setStop(stops).build(), Status.Code.INVALID_ARGUMENT);
  }

  private void assertRefused(GenerateRequest request, Status.Code code) {
    assertThatThrownBy(() -> generate(request))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class, e -> assertThat(e.getStatus().getCode()).isEqualTo(code));
  }

  @Test
  void namesTheFieldAndThatTheContextIsExceeded() {
    assertThat(detail(LONG.toBuilder().setPrompt("once ".repeat(200)).build()))
        .satisfies(detail -> {
          assertThat(detail.getCode()).isEqualTo(ErrorCode.ERROR_CODE_CONTEXT_LENGTH_EXCEEDED);
          assertThat(detail.getField()).isEqualTo("prompt");
          assertThat(detail.getMessage())
              .startsWith("This model's maximum context length is 64 tokens. However, you ");
        });
    assertThat(detail(LONG.toBuilder().setPriority(-1).build()).getField()).isEqualTo("priority");
  }

  private ErrorDetail detail(GenerateRequest request) {
    try {
      generate(request);
    } catch (StatusRuntimeException e) {
      com.google.rpc.Status status = Objects.requireNonNull(StatusProto.fromThrowable(e));
      try {
        return status.getDetails(0).unpack(ErrorDetail.class);
      } catch (com.google.protobuf.InvalidProtocolBufferException broken) {
        throw new AssertionError(broken);
      }
    }
    throw new AssertionError("accepted");
  }

  @Test
  void carriesItsOwnCodeInTheDetail() {
    assertThatThrownBy(() -> generate(LONG.toBuilder().setModel("gpt").build()))
        .satisfies(e -> {
          com.google.rpc.Status status = Objects.requireNonNull(StatusProto.fromThrowable(e));
          assertThat(status.getDetails(0).unpack(ErrorDetail.class).getCode())
              .isEqualTo(ErrorCode.ERROR_CODE_NOT_FOUND);
        });
  }

  @Test
  void aDeadlineEndsACall() {
    server.runner().hold();
    assertThatThrownBy(() ->
            stub.withDeadlineAfter(200, TimeUnit.MILLISECONDS)
                .generate(LONG)
                .forEachRemaining(_ -> {}))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED));
    server.runner().release();
    Waiting.until(() -> server.server().requests() == 0);
  }

  @Test
  void healthFollowsTheServer() {
    HealthGrpc.HealthBlockingStub health = HealthGrpc.newBlockingStub(channel);
    HealthCheckRequest service =
        HealthCheckRequest.newBuilder().setService("krait.inference.v1.InferenceService").build();
    assertThat(health.check(service).getStatus()).isEqualTo(ServingStatus.SERVING);
    assertThat(health.check(HealthCheckRequest.getDefaultInstance()).getStatus())
        .isEqualTo(ServingStatus.SERVING);
    server.server().drain(0);
    assertThat(health.check(service).getStatus()).isEqualTo(ServingStatus.NOT_SERVING);
    assertRefused(LONG, Status.Code.UNAVAILABLE);
  }

  /// Names of the services, by either version of reflection: their messages are alike.
  private static CompletableFuture<List<String>> services(ManagedChannel channel, String version) {
    MethodDescriptor<ServerReflectionRequest, ServerReflectionResponse> method =
        ServerReflectionGrpc.getServerReflectionInfoMethod().toBuilder()
            .setFullMethodName(version + ".ServerReflection/ServerReflectionInfo")
            .build();
    CompletableFuture<List<String>> names = new CompletableFuture<>();
    StreamObserver<ServerReflectionRequest> requests =
        ClientCalls.asyncBidiStreamingCall(
            channel.newCall(method, CallOptions.DEFAULT),
            new StreamObserver<>() {
              @Override
              public void onNext(ServerReflectionResponse response) {
                names.complete(
                    response.getListServicesResponse().getServiceList().stream()
                        .map(service -> service.getName())
                        .toList());
              }

              @Override
              public void onError(Throwable failure) {
                names.completeExceptionally(failure);
              }

              @Override
              public void onCompleted() {}
            });
    requests.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    return names.whenComplete((_, _) -> requests.onCompleted());
  }

  @ParameterizedTest
  @ValueSource(strings = {"grpc.reflection.v1", "grpc.reflection.v1alpha"})
  void bothReflectionsListItsServices(String version) {
    assertThat(services(channel, version).join())
        .contains("krait.inference.v1.InferenceService", "grpc.health.v1.Health");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Generate", "Complete"})
  void aMessageThatIsNotOneIsTheClientsFault(String name) {
    MethodDescriptor<byte[], byte[]> method =
        MethodDescriptor.<byte[], byte[]>newBuilder()
            .setFullMethodName("krait.inference.v1.InferenceService/" + name)
            .setType(MethodDescriptor.MethodType.UNARY)
            .setRequestMarshaller(new Bytes())
            .setResponseMarshaller(new Bytes())
            .build();
    byte[] broken = {10, 100, 1};
    assertThatThrownBy(
            () -> ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, broken))
        .hasMessageStartingWith("INVALID_ARGUMENT: message: not one of krait.inference.v1.");
    assertThat(generate(LONG)).isNotEmpty();
  }

  /// Messages as they are on the wire.
  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      return new byte[0];
    }
  }

  @Test
  void aMessageIsAsLongAsABodyMayBe() {
    String most = "a".repeat(64 << 10);
    assertThatThrownBy(() -> generate(LONG.toBuilder().setPrompt(most).build()))
        .hasMessageStartingWith("RESOURCE_EXHAUSTED: ");
    assertThatThrownBy(() -> generate(LONG.toBuilder().setPrompt(most.substring(200)).build()))
        .hasMessageStartingWith("INVALID_ARGUMENT: ");
  }

  @Test
  void guardsInferenceWithAKey() {
    try (TestServer guarded = TestServer.start(TestServer::guarded)) {
      ManagedChannel other = open(guarded);
      InferenceServiceBlockingStub bare = InferenceServiceGrpc.newBlockingStub(other);
      assertThatThrownBy(() -> bare.generate(LONG).next())
          .isInstanceOfSatisfying(
              StatusRuntimeException.class,
              e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED));
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "bearer secret");
      Iterator<GenerateResponse> answer =
          bare.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers)).generate(LONG);
      assertThat(answer.hasNext()).isTrue();
      // What a client leaves unread leaks in the client.
      answer.forEachRemaining(_ -> {});
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "bearer wrong");
      assertThatThrownBy(() ->
              bare.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                  .generate(LONG)
                  .hasNext())
          .hasMessageStartingWith("UNAUTHENTICATED: ");
      assertThatThrownBy(() -> services(other, "grpc.reflection.v1").join())
          .hasMessageContaining("UNAUTHENTICATED");
      HealthCheckRequest all = HealthCheckRequest.getDefaultInstance();
      assertThat(HealthGrpc.newBlockingStub(other).check(all).getStatus())
          .isEqualTo(ServingStatus.SERVING);
      other.shutdownNow();
    }
  }

  @Test
  void aCallThatNamesASessionMovesIt() {
    GenerateRequest request =
        GenerateRequest.newBuilder()
            .setPrompt("one two three four five six seven eight nine ten ".repeat(2))
            .setMaxTokens(3)
            .setSessionId("a")
            .build();
    generate(request);
    assertThat(server.http().get("/v1/sessions/a").json().get("tokens").intValue())
        .isGreaterThanOrEqualTo(32);
    assertThatThrownBy(() -> generate(request.toBuilder().setSessionId("../a").build()))
        .hasMessageContaining("session_id: ../a (expected: 1 to 128 letters");
  }
}
