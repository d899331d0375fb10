package dev.krait.server.grpc;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.net.InetSocketAddress;

/// Tells calls the network address that they come from.
final class PeerInterceptor implements ServerInterceptor {
  private static final Context.Key<String> PEER = Context.keyWithDefault("krait-peer", "");

  /// Address of the client whose call the current thread starts; empty where it has none.
  static String peer() {
    return PEER.get();
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    String peer =
        call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) instanceof InetSocketAddress from
            ? from.getAddress().getHostAddress()
            : "";
    return Contexts.interceptCall(Context.current().withValue(PEER, peer), call, headers, next);
  }
}
