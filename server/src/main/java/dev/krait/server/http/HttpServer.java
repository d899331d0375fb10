package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.timeout.WriteTimeoutHandler;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A listening HTTP/1.1 server whose routes can be replaced while it runs.
///
/// Whoever opens it closes it; every method may be called from any thread.
public final class HttpServer implements AutoCloseable {
  private static final int LOOP_THREADS = 2;
  private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(16_384, 65_536);

  private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);
  private static final long CLOSE_SECONDS = 2;

  private final MultiThreadIoEventLoopGroup loops;
  private final HttpShared shared;
  private final AtomicReference<HttpRouter> router;
  private final ChannelGroup connections;
  private final Channel listener;
  private final AtomicBoolean closing = new AtomicBoolean();

  private HttpServer(
      MultiThreadIoEventLoopGroup loops,
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
  /// @param failed is told once when the server cannot go on: an event loop has ended, or the heap
  ///   is full
  /// @throws EngineException with UNAVAILABLE when the port is taken, INVALID_ARGUMENT when the
  ///   host is unknown
  public static HttpServer open(
      HttpServerConfig config, HttpRouter routes, Consumer<Throwable> failed) {
    InetSocketAddress address = new InetSocketAddress(config.host(), config.port());
    if (address.isUnresolved()) {
      throw EngineException.invalidArgument(
          "host", config.host() + ", an unknown host", "a name or address of this machine");
    }
    boolean epoll = Epoll.isAvailable();
    IoHandlerFactory io = epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    var loops = new MultiThreadIoEventLoopGroup(LOOP_THREADS, io);
    AtomicReference<HttpRouter> router = new AtomicReference<>(routes);
    HttpShared shared =
        new HttpShared(
            config,
            new Connections(config.maxConnections()),
            new Exchanges(),
            new BodyMemory(config.bodyMemory()),
            router::get,
            Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("http-", 0).factory()),
            failed);
    Class<? extends ServerChannel> type =
        epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops)
            .channel(type)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childHandler(new Initializer(shared, connections))
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
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
    HttpServer server = new HttpServer(loops, shared, router, connections, bound.channel());
    server.watchLoops();
    return server;
  }

  /// A loop that ends while the server is open has met an error that nothing in it could handle.
  private void watchLoops() {
    for (EventExecutor loop : loops) {
      var _ =
          loop.terminationFuture()
              .addListener(ended -> {
                if (!closing.get()) {
                  shared.failed().accept(new IllegalStateException("an event loop has ended"));
                }
              });
    }
  }

  /// The port that it listens on.
  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// Replaces the routes; requests in progress keep theirs.
  public void serve(HttpRouter routes) {
    router.set(routes);
  }

  /// Requests that are being answered.
  public int exchanges() {
    return shared.exchanges().running();
  }

  /// Waits until nothing is being answered.
  ///
  /// @param nanos most time to wait
  /// @return false when time ran out first
  public boolean awaitAnswered(long nanos) {
    return shared.exchanges().awaitNone(nanos);
  }

  /// Stops listening and closes every connection; a loop that does not end in time is left alone.
  @Override
  public void close() {
    closing.set(true);
    var _ = listener.close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
    var _ = connections.close().awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
    shared.handlers().shutdown();
    var _ =
        loops
            .shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS)
            .awaitUninterruptibly(2 * CLOSE_SECONDS, TimeUnit.SECONDS);
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
    private final ChannelGroup connections;

    Initializer(HttpShared shared, ChannelGroup connections) {
      this.shared = shared;
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
