package dev.krait.server.grpc;

import dev.krait.server.net.WebNames;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.Optional;

/// Refuses calls by a name that is not the server's, and of web pages that may not call, by the
/// rules of HTTP.
///
/// @param names the server's names and the pages that may call
record WebInterceptor(WebNames names) implements ServerInterceptor {
  private static final Metadata.Key<String> ORIGIN =
      Metadata.Key.of("origin", Metadata.ASCII_STRING_MARSHALLER);

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    Optional<String> authority =
        Optional.ofNullable(call.getAuthority()).filter(name -> !names.isOwnName(name));
    Optional<String> origin =
        Optional.ofNullable(headers.get(ORIGIN)).filter(page -> !names.isAllowed(page));
    if (authority.isEmpty() && origin.isEmpty()) {
      return next.startCall(call, headers);
    }
    String refused =
        authority
            .map(name -> "authority: " + name + " (expected: " + names.expected() + ")")
            .orElseGet(
                () -> "origin: " + origin.orElseThrow() + " (expected: one of --allowed-origins)");
    call.close(Status.PERMISSION_DENIED.withDescription(refused), new Metadata());
    return new ServerCall.Listener<>() {};
  }
}
