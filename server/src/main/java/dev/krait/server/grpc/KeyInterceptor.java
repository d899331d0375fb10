package dev.krait.server.grpc;

import dev.krait.server.service.ApiKeys;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Refuses calls that do not bring one of the server's keys as `authorization: Bearer KEY`.
final class KeyInterceptor implements ServerInterceptor {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static final Context.Key<Optional<String>> KEY =
      Context.keyWithDefault("key", Optional.empty());

  private final ApiKeys keys;

  KeyInterceptor(ApiKeys keys) {
    this.keys = keys;
  }

  /// The name of the key that the call of this thread brings.
  static Optional<String> current() {
    return KEY.get();
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    List<String> given = new ArrayList<>();
    Iterable<String> values = headers.getAll(AUTHORIZATION);
    if (values != null) {
      values.forEach(given::add);
    }
    ApiKeys.Verdict verdict = keys.check(given);
    if (verdict.api()) {
      return Contexts.interceptCall(
          Context.current().withValue(KEY, verdict.key()), call, headers, next);
    }
    call.close(
        Status.UNAUTHENTICATED.withDescription(
            "authorization: no key of this server (expected: one header, Bearer and a key)"),
        new Metadata());
    return new ServerCall.Listener<>() {};
  }
}
