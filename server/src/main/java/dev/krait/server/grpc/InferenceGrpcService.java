package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.CompleteRequest;
import dev.krait.proto.inference.v1.CompleteResponse;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.GenerateResponse;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.proto.inference.v1.Report;
import dev.krait.proto.inference.v1.TokensEvent;
import dev.krait.server.service.TextPool;
import dev.krait.service.Admission;
import dev.krait.service.Generation;
import dev.krait.service.GenerationService;
import dev.krait.service.TextChunk;
import dev.krait.service.Usage;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The generation service: one virtual thread reads the sequence of each call.
final class InferenceGrpcService extends InferenceServiceGrpc.InferenceServiceImplBase {
  private static final Logger LOG = LoggerFactory.getLogger(InferenceGrpcService.class);

  private final Supplier<Optional<Ready>> service;
  private final Executor threads;
  private final Admission admission;
  private final Duration writeTimeout;

  /// What calls run on once the server is ready.
  ///
  /// @param generations the service
  /// @param pool where requests are read and prompts encoded
  record Ready(GenerationService generations, TextPool pool) {}

  /// Creates the service.
  ///
  /// @param service generations; empty until the server is ready
  /// @param threads starts a thread for each call
  /// @param admission the door, which counts calls
  /// @param writeTimeout how long a client may leave an answer unread
  InferenceGrpcService(
      Supplier<Optional<Ready>> service,
      Executor threads,
      Admission admission,
      Duration writeTimeout) {
    this.service = service;
    this.threads = threads;
    this.admission = admission;
    this.writeTimeout = writeTimeout;
  }

  @Override
  public void generate(GenerateRequest request, StreamObserver<GenerateResponse> observer) {
    start(request, observer, InferenceGrpcService::stream);
  }

  @Override
  public void complete(CompleteRequest request, StreamObserver<CompleteResponse> observer) {
    start(request.getGeneration(), observer, InferenceGrpcService::collect);
  }

  /// A running call.
  private record Job(Report report, Generation.Part part, ProtoResponses responses) {}

  /// Answers a call whose generation runs.
  @FunctionalInterface
  private interface Answer<T> {
    void write(Job job, CallWriter<T> out);
  }

  private <T> void start(GenerateRequest request, StreamObserver<T> observer, Answer<T> answer) {
    CallInterceptor.Caller caller = CallInterceptor.Caller.current();
    CallWriter<T> out = new CallWriter<>(observer, writeTimeout, caller.hangUp());
    Optional<Duration> timeout =
        Optional.ofNullable(Context.current().getDeadline()).map(InferenceGrpcService::left);
    Admission.Client client = new Admission.Client(caller.client(), KeyInterceptor.current());
    admission.begin();
    threads.execute(() -> {
      try {
        run(new Call(request, timeout, client), out, answer);
        out.awaitRead();
      } catch (RejectedExecutionException closed) {
        LOG.debug("the server closed before a call was answered", closed);
      } finally {
        admission.end();
      }
    });
  }

  /// What a client asks for.
  private record Call(
      GenerateRequest request, Optional<Duration> timeout, Admission.Client client) {}

  private <T> void run(Call call, CallWriter<T> out, Answer<T> answer) {
    String id = UUID.randomUUID().toString().replace("-", "");
    try {
      answer(ready(), call, id, out, answer);
    } catch (EngineException e) {
      if (e.code() == ErrorCode.INTERNAL) {
        LOG.error("call {} failed", id, e);
      }
      out.fail(StatusMapper.of(e));
    } catch (RejectedExecutionException closed) {
      throw closed;
    } catch (RuntimeException e) {
      LOG.error("call {} failed", id, e);
      out.fail(
          StatusMapper.of(
              new EngineException(ErrorCode.INTERNAL, "the server failed; its log says why", e)));
    }
  }

  private static <T> void answer(
      Ready ready, Call call, String id, CallWriter<T> out, Answer<T> answer) {
    GenerationService service = ready.generations();
    ProtoResponses responses = new ProtoResponses(service.model().tokenizer()::tokenText);
    Supplier<Generation> start =
        () -> service.start(ProtoRequests.of(call.request(), id, call.timeout()), call.client());
    try (Generation generation = ready.pool().call(start)) {
      out.onCancel(generation::cancel);
      Report report = call.request().getReport();
      answer.write(new Job(report, generation.parts().getFirst(), responses), out);
      out.complete();
    }
  }

  private Ready ready() {
    return service
        .get()
        .orElseThrow(() ->
            new EngineException(
                ErrorCode.UNAVAILABLE, "server: loading the model (expected: try again)"));
  }

  private static void stream(Job job, CallWriter<GenerateResponse> out) {
    boolean more = true;
    for (boolean first = true; more; first = false) {
      TextChunk chunk = job.part().stream().next();
      if (first && ProtoResponses.wantsPrompt(job.report())) {
        out.send(
            GenerateResponse.newBuilder()
                .setPrompt(job.responses().prompt(job.part(), job.report()))
                .build());
      }
      if (chunk.ids().size() > 0 || !chunk.text().isEmpty()) {
        out.send(GenerateResponse.newBuilder().setTokens(job.responses().tokens(chunk)).build());
      }
      Usage usage = job.part().stream().usage();
      chunk
          .finish()
          .map(finish -> ProtoResponses.finished(finish, usage))
          .ifPresent(event -> out.send(GenerateResponse.newBuilder().setFinished(event).build()));
      more = chunk.finish().isEmpty();
    }
  }

  private static void collect(Job job, CallWriter<CompleteResponse> out) {
    CompleteResponse.Builder whole = CompleteResponse.newBuilder();
    StringBuilder text = new StringBuilder();
    job.part().stream().readWhole();
    boolean more = true;
    while (more) {
      TextChunk chunk = job.part().stream().next();
      TokensEvent tokens = job.responses().tokens(chunk);
      text.append(tokens.getText());
      whole.addAllTokenIds(tokens.getTokenIdsList()).addAllLogprobs(tokens.getLogprobsList());
      Usage usage = job.part().stream().usage();
      chunk
          .finish()
          .map(finish -> ProtoResponses.finished(finish, usage))
          .ifPresent(whole::setFinished);
      more = chunk.finish().isEmpty();
    }
    if (ProtoResponses.wantsPrompt(job.report())) {
      whole.setPrompt(job.responses().prompt(job.part(), job.report()));
    }
    out.send(whole.setText(job.part().stream().wholeText(text.toString())).build());
  }

  private static Duration left(Deadline deadline) {
    return Duration.ofNanos(Math.max(1, deadline.timeRemaining(TimeUnit.NANOSECONDS)));
  }

  /// Type of a call's observer on the server.
  static <T> ServerCallStreamObserver<T> server(StreamObserver<T> observer) {
    return (ServerCallStreamObserver<T>) observer;
  }
}
