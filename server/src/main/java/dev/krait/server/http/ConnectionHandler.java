package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One connection: puts requests together, runs them one after another, answers in order.
///
/// Reading goes on while a request is answered, so that a client that hangs up is noticed at once;
/// it pauses when further requests are already waiting. Confined to the connection's event loop.
///
/// A client that ends its side of the connection has hung up: what it waits for is cancelled. The
/// exception is a client whose last request said `Connection: close`, which has nothing more to
/// send: it gets its answer.
final class ConnectionHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(ConnectionHandler.class);
  private static final int MAX_WAITING = 4;
  private static final long LINGER_MILLIS = 1_000;

  private final HttpShared shared;
  private final RequestClock clock;
  private final Queue<Turn> waiting = new ArrayDeque<>();
  private @Nullable HttpRequest head;
  private RequestBody body;
  private @Nullable HttpExchange current;
  private boolean discarding;

  /// The client sends no more.
  private boolean ended;

  /// The last whole request asked for a connection that stays.
  private boolean staying = true;

  /// What is to be answered next.
  private sealed interface Turn {
    record Answer(HttpExchange exchange, RequestBody body) implements Turn {}

    record Refuse(ErrorBody error) implements Turn {}
  }

  ConnectionHandler(HttpShared shared, RequestClock clock) {
    this.shared = shared;
    this.clock = clock;
    this.body = new RequestBody(shared.admission().bodies(), 0);
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    if (!shared.connections().opened()) {
      discarding = true;
      EngineException full =
          new EngineException(
              ErrorCode.UNAVAILABLE,
              "connections: "
                  + shared.config().maxConnections()
                  + " are open and none is idle (expected: fewer; try later)");
      var _ =
          context
              .writeAndFlush(HttpExchange.closingResponse(ErrorBody.of(full)))
              .addListener(ChannelFutureListener.CLOSE);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    try {
      if (discarding) {
        return;
      }
      if (message instanceof HttpRequest request) {
        begin(context, request);
      }
      if (!discarding && message instanceof HttpContent content) {
        append(context, content);
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  private void begin(ChannelHandlerContext context, HttpRequest request) {
    Optional<ErrorBody> refusal = RequestHead.refusal(request, shared.config().maxBodyBytes());
    if (refusal.isPresent()) {
      refuse(context, refusal.get());
      return;
    }
    head = request;
    body = new RequestBody(shared.admission().bodies(), HttpUtil.getContentLength(request, -1L));
    if (HttpUtil.is100ContinueExpected(request) && current == null) {
      var _ =
          context.writeAndFlush(
              new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE));
    }
  }

  private void append(ChannelHandlerContext context, HttpContent content) {
    HttpRequest request = head;
    if (request == null) {
      return;
    }
    if (content.decoderResult().isFailure()) {
      refuse(context, RequestHead.malformed(content.decoderResult()));
      return;
    }
    ByteBuf bytes = content.content();
    int most = shared.config().maxBodyBytes();
    if (body.size() + bytes.readableBytes() > most) {
      refuse(context, RequestHead.tooLarge(most));
      return;
    }
    if (!body.append(bytes)) {
      refuse(context, bodiesFull());
      return;
    }
    if (content instanceof LastHttpContent) {
      head = null;
      staying = HttpUtil.isKeepAlive(request);
      clock.requestArrived();
      HttpExchange exchange =
          new HttpExchange(
              context.channel(), request, body.whole(), kept -> answered(context, kept));
      enqueue(context, new Turn.Answer(exchange, body));
      body = new RequestBody(shared.admission().bodies(), 0);
    }
  }

  private ErrorBody bodiesFull() {
    return ErrorBody.of(
        new EngineException(
            ErrorCode.UNAVAILABLE,
            "body: no memory left beside the bodies of other requests (expected: at most "
                + shared.config().bodyMemory()
                + " bytes for all; try later)"));
  }

  private void refuse(ChannelHandlerContext context, ErrorBody error) {
    head = null;
    body.close();
    discarding = true;
    AccessLog.refused(error);
    enqueue(context, new Turn.Refuse(error));
  }

  private void enqueue(ChannelHandlerContext context, Turn turn) {
    waiting.add(turn);
    if (current == null) {
      next(context);
    } else if (waiting.size() >= MAX_WAITING) {
      context.channel().config().setAutoRead(false);
    }
  }

  private void next(ChannelHandlerContext context) {
    Turn turn = waiting.poll();
    if (waiting.size() < MAX_WAITING) {
      context.channel().config().setAutoRead(true);
    }
    switch (turn) {
      case null -> {
        if (ended) {
          var _ = context.close();
        } else {
          clock.allAnswered(context);
        }
      }
      case Turn.Refuse refusal -> sendAndLinger(context, refusal.error());
      case Turn.Answer answer -> {
        HttpExchange exchange = answer.exchange();
        current = exchange;
        shared.admission().begin();
        if (ended && staying) {
          exchange.connectionClosed();
        }
        HttpRouter routes = shared.router().get();
        shared.handlers().execute(() -> run(context, routes, answer));
      }
    }
  }

  /// Answers a request, which is over when its answer is written or its client gone.
  private void run(ChannelHandlerContext context, HttpRouter routes, Turn.Answer answer) {
    HttpExchange exchange = answer.exchange();
    try (RequestBody _ = answer.body()) {
      routes.handle(exchange);
    } finally {
      if (exchange.isComplete()) {
        exchange.awaitWritten();
      } else {
        var _ = context.close();
      }
      shared.admission().end();
    }
  }

  private void answered(ChannelHandlerContext context, boolean keepAlive) {
    if (current == null || !context.channel().isActive()) {
      return;
    }
    current = null;
    try {
      if (keepAlive) {
        next(context);
      } else {
        var _ = context.close();
      }
    } catch (Throwable failure) {
      exceptionCaught(context, failure);
    }
  }

  /// Answers, then reads on for a moment: a client that is still sending would otherwise see a
  /// reset instead of the answer.
  private static void sendAndLinger(ChannelHandlerContext context, ErrorBody error) {
    var _ =
        context
            .writeAndFlush(HttpExchange.closingResponse(error))
            .addListener(
                (ChannelFutureListener)
                    sent -> {
                      if (sent.channel() instanceof DuplexChannel duplex) {
                        var _ = duplex.shutdownOutput();
                      }
                    });
    Runnable close =
        () -> {
          var _ = context.close();
        };
    var _ = context.executor().schedule(close, LINGER_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event instanceof ChannelInputShutdownEvent) {
      inputEnded(context);
    } else if (event == RequestClock.Expired.REQUEST && !discarding) {
      refuse(
          context,
          ErrorBody.protocol(
              408, "request: not received in time (expected: a whole request)", "timeout"));
    }
  }

  private void inputEnded(ChannelHandlerContext context) {
    ended = true;
    discarding = true;
    HttpExchange exchange = current;
    if (exchange == null) {
      var _ = context.close();
    } else if (staying) {
      exchange.connectionClosed();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    HttpExchange exchange = current;
    if (exchange != null) {
      exchange.connectionChanged();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    shared.connections().closed(context.channel());
    body.close();
    for (Turn turn : waiting) {
      if (turn instanceof Turn.Answer answer) {
        answer.body().close();
      }
    }
    waiting.clear();
    HttpExchange exchange = current;
    current = null;
    if (exchange != null) {
      exchange.connectionClosed();
    }
  }

  /// A machine error, such as a full heap, may have hit any connection of the loop.
  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof VirtualMachineError) {
      shared.failed().accept(cause);
    }
    LOG.debug("connection {} failed", context.channel(), cause);
    var _ = context.close();
  }
}
