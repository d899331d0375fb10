package dev.krait.server.net;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// The event loops of one listening server. Whoever opens them closes them; any thread may.
public final class Loops implements AutoCloseable {
  /// Longest wait for one part of a server to close.
  public static final long CLOSE_SECONDS = 2;

  private static final int THREADS = 2;

  private final EventLoopGroup group;
  private final AtomicBoolean closing = new AtomicBoolean();

  private Loops(EventLoopGroup group) {
    this.group = group;
  }

  /// Starts the loops.
  ///
  /// @param failed is told when one of them ends before they are closed: it has met an error that
  ///   nothing in it could handle
  public static Loops open(Consumer<Throwable> failed) {
    IoHandlerFactory io =
        Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    Loops loops = new Loops(new MultiThreadIoEventLoopGroup(THREADS, io));
    for (EventExecutor loop : loops.group) {
      var _ =
          loop.terminationFuture()
              .addListener(ended -> {
                if (!loops.closing.get()) {
                  failed.accept(new IllegalStateException("an event loop has ended"));
                }
              });
    }
    return loops;
  }

  /// The loops as Netty wants them.
  public EventLoopGroup group() {
    return group;
  }

  /// A channel that can listen on them.
  public ServerChannel newChannel() {
    return Epoll.isAvailable() ? new EpollServerSocketChannel() : new NioServerSocketChannel();
  }

  /// Ends the loops; one that does not end in time is left alone.
  @Override
  public void close() {
    closing.set(true);
    var _ =
        group
            .shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS)
            .awaitUninterruptibly(2 * CLOSE_SECONDS, TimeUnit.SECONDS);
  }
}
