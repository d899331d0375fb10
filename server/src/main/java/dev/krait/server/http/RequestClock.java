package dev.krait.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Bounds how long a client may take to send a request and how long it may stay idle between two.
///
/// Sits before the HTTP codec, where the first byte of a request is seen; confined to the
/// connection's event loop.
final class RequestClock extends ChannelInboundHandlerAdapter {
  /// What passes down the pipeline when the request timeout ends.
  enum Expired {
    /// A request was begun and not finished in time.
    REQUEST
  }

  private final Duration requestTimeout;
  private final Duration idleTimeout;
  private final Connections connections;
  private @Nullable Future<?> timer;
  private boolean reading;
  private boolean busy;

  RequestClock(Duration requestTimeout, Duration idleTimeout, Connections connections) {
    this.requestTimeout = requestTimeout;
    this.idleTimeout = idleTimeout;
    this.connections = connections;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    startIdle(context);
    context.fireChannelActive();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    stop();
    context.fireChannelInactive();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object bytes) {
    if (!reading && !busy) {
      reading = true;
      connections.busy(context.channel());
      restart(context, requestTimeout, () -> context.fireUserEventTriggered(Expired.REQUEST));
    }
    context.fireChannelRead(bytes);
  }

  /// A whole request has arrived: from now on the server is the slow one.
  void requestArrived() {
    reading = false;
    busy = true;
    stop();
  }

  /// Every request that arrived is answered.
  void allAnswered(ChannelHandlerContext context) {
    busy = false;
    if (!reading) {
      startIdle(context);
    }
  }

  private void startIdle(ChannelHandlerContext context) {
    connections.idle(context.channel());
    restart(
        context,
        idleTimeout,
        () -> {
          var _ = context.close();
        });
  }

  private void restart(ChannelHandlerContext context, Duration delay, Runnable action) {
    stop();
    timer = context.executor().schedule(action, delay.toNanos(), TimeUnit.NANOSECONDS);
  }

  private void stop() {
    Future<?> running = timer;
    if (running != null) {
      running.cancel(false);
      timer = null;
    }
  }
}
