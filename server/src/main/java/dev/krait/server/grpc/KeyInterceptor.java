package dev.krait.server.grpc;

import dev.krait.server.service.ApiKey;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.Objects;
import java.util.Optional;

/// Refuses calls that do not bring the server's key as `authorization: Bearer KEY`.
final class KeyInterceptor implements ServerInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Optional<ApiKey> expected;

  KeyInterceptor(Optional<String> apiKey) {
    this.expected = apiKey.map(ApiKey::new);
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    String given = Objects.requireNonNullElse(headers.get(AUTHORIZATION), "");
    if (expected.isEmpty() || expected.get().admits(given)) {
      return next.startCall(call, headers);
    }
    call.close(
        Status.UNAUTHENTICATED.withDescription("authorization: missing or wrong"), new Metadata());
    return new ServerCall.Listener<>() {};
  }
}
