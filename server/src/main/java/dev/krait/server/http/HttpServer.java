package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
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
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.timeout.WriteTimeoutHandler;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// A listening HTTP/1.1 server whose routes can be replaced while it runs.
///
/// Whoever opens it closes it; every method may be called from any thread.
public final class HttpServer implements AutoCloseable {
  private static final int LOOP_THREADS = 2;
  private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(16_384, 65_536);

  private final MultiThreadIoEventLoopGroup loops;
  private final ExecutorService handlers;
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final AtomicReference<HttpRouter> router;
  private final Channel listener;

  private HttpServer(
      MultiThreadIoEventLoopGroup loops,
      ExecutorService handlers,
      AtomicReference<HttpRouter> router,
      Channel listener) {
    this.loops = loops;
    this.handlers = handlers;
    this.router = router;
    this.listener = listener;
    connections.add(listener);
  }

  /// Binds the address and serves the routes.
  ///
  /// @throws EngineException with UNAVAILABLE when the address cannot be bound
  public static HttpServer open(HttpServerConfig config, HttpRouter routes) {
    boolean epoll = Epoll.isAvailable();
    IoHandlerFactory io = epoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    var loops = new MultiThreadIoEventLoopGroup(LOOP_THREADS, io);
    ExecutorService handlers =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("http-", 0).factory());
    AtomicReference<HttpRouter> router = new AtomicReference<>(routes);
    Class<? extends ServerChannel> type =
        epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    Initializer initializer = new Initializer(config, router, handlers);
    ChannelFuture bound =
        new ServerBootstrap()
            .group(loops)
            .channel(type)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
            .childHandler(initializer)
            .bind(new InetSocketAddress(config.host(), config.port()))
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      handlers.close();
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
    HttpServer server = new HttpServer(loops, handlers, router, bound.channel());
    initializer.connections(server.connections);
    return server;
  }

  /// The port that it listens on.
  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// Replaces the routes; requests in progress keep theirs.
  public void serve(HttpRouter routes) {
    router.set(routes);
  }

  /// Stops listening, closes every connection, and waits for handlers to notice.
  @Override
  public void close() {
    var _ = listener.close().awaitUninterruptibly();
    var _ = connections.close().awaitUninterruptibly();
    handlers.shutdown();
    var _ = loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  /// Builds the pipeline of each connection.
  private static final class Initializer extends ChannelInitializer<Channel> {
    private final HttpServerConfig config;
    private final AtomicReference<HttpRouter> router;
    private final ExecutorService handlers;
    private final AtomicReference<ChannelGroup> group = new AtomicReference<>();

    Initializer(
        HttpServerConfig config, AtomicReference<HttpRouter> router, ExecutorService handlers) {
      this.config = config;
      this.router = router;
      this.handlers = handlers;
    }

    void connections(ChannelGroup connections) {
      group.set(connections);
    }

    @Override
    protected void initChannel(Channel channel) {
      ChannelGroup connections = group.get();
      if (connections != null) {
        connections.add(channel);
      }
      HttpDecoderConfig decoder =
          new HttpDecoderConfig()
              .setMaxInitialLineLength(8192)
              .setMaxHeaderSize(config.maxHeaderBytes())
              .setMaxChunkSize(64 << 10);
      RequestClock clock = new RequestClock(config.requestTimeout(), config.idleTimeout());
      Duration writeTimeout = config.writeTimeout();
      channel
          .pipeline()
          .addLast(new WriteTimeoutHandler(writeTimeout.toMillis(), TimeUnit.MILLISECONDS))
          .addLast(clock)
          .addLast(new HttpServerCodec(decoder))
          .addLast(new ConnectionHandler(config.maxBodyBytes(), clock, router::get, handlers));
    }
  }
}
