package dev.krait.server.grpc;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.SocketAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The open connections of clients. Stands before gRPC in the pipeline of the listening channel: a
/// connection too many is closed before anything is done for it. Any thread may hang up.
final class GrpcConnections extends ChannelInboundHandlerAdapter {
  private final int limit;
  private final Map<SocketAddress, Channel> open = new ConcurrentHashMap<>();

  GrpcConnections(int limit) {
    this.limit = limit;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    Channel accepted = (Channel) message;
    if (open.size() >= limit) {
      accepted.unsafe().closeForcibly();
      return;
    }
    SocketAddress client = accepted.remoteAddress();
    open.put(client, accepted);
    var _ = accepted.closeFuture().addListener(_ -> open.remove(client, accepted));
    var _ = context.fireChannelRead(accepted);
  }

  /// Ends a client's connection and all of its calls, now: closing it through the pipeline would
  /// wait for the calls.
  void hangUp(@Nullable SocketAddress client) {
    Channel channel = client == null ? null : open.get(client);
    if (channel != null) {
      channel.eventLoop().execute(() -> channel.unsafe().close(channel.voidPromise()));
    }
  }
}
