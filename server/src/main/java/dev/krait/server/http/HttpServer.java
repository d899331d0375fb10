package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.server.net.Loops;
import dev.krait.server.net.Tls;
import dev.krait.service.Admission;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.timeout.WriteTimeoutHandler;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A listening HTTP/1.1 server whose routes can be replaced while it runs.
///
/// Whoever opens it closes it; every method may be called from any thread.
public final class HttpServer implements AutoCloseable {
  private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(16_384, 65_536);

  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

  private final Loops loops;
  private final HttpShared shared;
  private final AtomicReference<HttpRouter> router;
  private final ChannelGroup connections;
  private final Channel listener;

  private HttpServer(
      Loops loops,
      HttpShared shared,
      AtomicReference<HttpRouter> router,
      ChannelGroup connections,
      Channel listener) {
    this.loops = loops;
    this.shared = shared;
    this.router = router;
    this.connections = connections;
    this.listener = listener;
  }

  /// Binds the address and serves the routes.
  ///
  /// @param admission the door, which counts its requests
  /// @param failed is told once when the server cannot go on: an event loop has ended, or the heap
  ///   is full
  /// @throws EngineException with UNAVAILABLE when the port is taken, INVALID_ARGUMENT when the
  ///   host is unknown
  public static HttpServer open(
      HttpServerConfig config, HttpRouter routes, Admission admission, Consumer<Throwable> failed) {
    InetSocketAddress address = new InetSocketAddress(config.host(), config.port());
    if (address.isUnresolved()) {
      throw EngineException.invalidArgument(
          "host", config.host() + ", an unknown host", "a name or address of this machine");
    }
    Optional<Tls> tls = config.tls().map(files -> new Tls(files, UnaryOperator.identity()));
    Loops loops = Loops.open(failed);
    AtomicReference<HttpRouter> router = new AtomicReference<>(routes);
    HttpShared shared =
        new HttpShared(
            config,
            new Connections(config.maxConnections()),
            admission,
            router::get,
            Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("http-", 0).factory()),
            failed);
    ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops.group())
            .channelFactory(loops::newChannel)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childHandler(new Initializer(shared, tls, connections))
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.close();
      shared.handlers().close();
      throw new EngineException(
          ErrorCode.UNAVAILABLE,
          "port: "
              + config.port()
              + " on "
              + config.host()
              + " cannot be bound (expected: a free"
              + " port; another server may be running): "
              + bound.cause().getMessage(),
          bound.cause());
    }
    bound.channel().pipeline().addLast(new AcceptFailures());
    return new HttpServer(loops, shared, router, connections, bound.channel());
  }

  /// The port that it listens on.
  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// Replaces the routes; requests in progress keep theirs.
  public void serve(HttpRouter routes) {
    router.set(routes);
  }

  /// Stops listening and closes every connection; a loop that does not end in time is left alone.
  @Override
  public void close() {
    var _ = listener.close().awaitUninterruptibly(Loops.CLOSE_SECONDS, TimeUnit.SECONDS);
    var _ = connections.close().awaitUninterruptibly(Loops.CLOSE_SECONDS, TimeUnit.SECONDS);
    shared.handlers().shutdown();
    loops.close();
  }

  /// Says once in a while that connections cannot be accepted, such as for want of descriptors.
  private static final class AcceptFailures extends ChannelInboundHandlerAdapter {
    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(1);

    private long told = System.nanoTime() - QUIET_NANOS;

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      long now = System.nanoTime();
      if (now - told >= QUIET_NANOS) {
        told = now;
        LOG.warn("connections cannot be accepted: {}", cause.toString());
      }
    }
  }

  /// Builds the pipeline of each connection.
  private static final class Initializer extends ChannelInitializer<Channel> {
    private final HttpShared shared;
    private final Optional<Tls> tls;
    private final ChannelGroup connections;

    Initializer(HttpShared shared, Optional<Tls> tls, ChannelGroup connections) {
      this.shared = shared;
      this.tls = tls;
      this.connections = connections;
    }

    @Override
    protected void initChannel(Channel channel) {
      connections.add(channel);
      HttpServerConfig config = shared.config();
      HttpDecoderConfig decoder =
          new HttpDecoderConfig()
              .setMaxInitialLineLength(8192)
              .setMaxHeaderSize(config.maxHeaderBytes())
              .setMaxChunkSize(64 << 10);
      RequestClock clock =
          new RequestClock(config.requestTimeout(), config.idleTimeout(), shared.connections());
      tls.map(own -> own.newHandler(channel.alloc()))
          .ifPresent(handler -> {
            handler.setHandshakeTimeoutMillis(config.requestTimeout().toMillis());
            channel.pipeline().addLast(handler);
          });
      Duration writeTimeout = config.writeTimeout();
      channel
          .pipeline()
          .addLast(new WriteTimeoutHandler(writeTimeout.toMillis(), TimeUnit.MILLISECONDS))
          .addLast(clock)
          .addLast(new RequestHead.Decoder(decoder))
          .addLast(new HttpResponseEncoder())
          .addLast(new ConnectionHandler(shared, clock));
    }
  }
}
