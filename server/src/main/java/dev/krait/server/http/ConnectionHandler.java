package dev.krait.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One connection: puts requests together, runs them one after another, answers in order.
///
/// Reading goes on while a request is answered, so that a client that hangs up is noticed at once;
/// it pauses when further requests are already waiting. Confined to the connection's event loop.
final class ConnectionHandler extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(ConnectionHandler.class);
  private static final int MAX_WAITING = 4;
  private static final long LINGER_MILLIS = 1_000;

  private final int maxBodyBytes;
  private final RequestClock clock;
  private final Supplier<HttpRouter> router;
  private final ExecutorService handlers;
  private final Queue<Turn> waiting = new ArrayDeque<>();
  private @Nullable HttpRequest head;
  private ByteArrayOutputStream body = new ByteArrayOutputStream();
  private @Nullable HttpExchange current;
  private boolean discarding;

  /// What is to be answered next.
  private sealed interface Turn {
    record Answer(HttpExchange exchange) implements Turn {}

    record Refuse(ErrorBody error) implements Turn {}
  }

  ConnectionHandler(
      int maxBodyBytes, RequestClock clock, Supplier<HttpRouter> router, ExecutorService handlers) {
    this.maxBodyBytes = maxBodyBytes;
    this.clock = clock;
    this.router = router;
    this.handlers = handlers;
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
    if (request.decoderResult().isFailure()) {
      refuse(context, malformed(request.decoderResult()));
      return;
    }
    String encoding = request.headers().get(HttpHeaderNames.CONTENT_ENCODING, "identity");
    if (!encoding.equalsIgnoreCase("identity")) {
      refuse(
          context,
          ErrorBody.protocol(
              415, "content-encoding: " + encoding + " (expected: identity)", "unsupported_media"));
      return;
    }
    if (HttpUtil.getContentLength(request, 0L) > maxBodyBytes) {
      refuse(context, tooLarge());
      return;
    }
    head = request;
    body = new ByteArrayOutputStream();
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
      refuse(context, malformed(content.decoderResult()));
      return;
    }
    ByteBuf bytes = content.content();
    if (body.size() + bytes.readableBytes() > maxBodyBytes) {
      refuse(context, tooLarge());
      return;
    }
    try {
      bytes.readBytes(body, bytes.readableBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (content instanceof LastHttpContent) {
      head = null;
      clock.requestArrived();
      HttpExchange exchange =
          new HttpExchange(context.channel(), request, body.toByteArray(), this::answered);
      enqueue(context, new Turn.Answer(exchange));
    }
  }

  private void refuse(ChannelHandlerContext context, ErrorBody error) {
    head = null;
    discarding = true;
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
    current = null;
    Turn turn = waiting.poll();
    if (waiting.size() < MAX_WAITING) {
      context.channel().config().setAutoRead(true);
    }
    switch (turn) {
      case null -> clock.allAnswered(context);
      case Turn.Refuse refusal -> sendAndLinger(context, refusal.error());
      case Turn.Answer answer -> {
        current = answer.exchange();
        HttpExchange exchange = answer.exchange();
        HttpRouter routes = router.get();
        handlers.execute(() -> run(context, routes, exchange));
      }
    }
  }

  private static void run(ChannelHandlerContext context, HttpRouter routes, HttpExchange exchange) {
    boolean answered = false;
    try {
      routes.handle(exchange);
      answered = exchange.isComplete();
    } finally {
      if (!answered) {
        var _ = context.close();
      }
    }
  }

  private void answered(boolean keepAlive) {
    HttpExchange exchange = current;
    if (exchange == null) {
      return;
    }
    ChannelHandlerContext context = exchange.channel().pipeline().context(this);
    if (context == null || !context.channel().isActive()) {
      return;
    }
    if (keepAlive) {
      next(context);
    } else {
      var _ = context.close();
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
    if (event == RequestClock.Expired.REQUEST && !discarding) {
      refuse(
          context,
          ErrorBody.protocol(
              408, "request: not received in time (expected: a whole request)", "timeout"));
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
    waiting.clear();
    HttpExchange exchange = current;
    if (exchange != null) {
      exchange.connectionClosed();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    LOG.debug("connection {} failed", context.channel(), cause);
    var _ = context.close();
  }

  private ErrorBody tooLarge() {
    return ErrorBody.protocol(
        413, "body: too large (expected: at most " + maxBodyBytes + " bytes)", "request_too_large");
  }

  private static ErrorBody malformed(DecoderResult result) {
    Throwable cause = result.cause();
    if (cause instanceof TooLongHttpHeaderException) {
      return ErrorBody.protocol(431, "header: too large", "header_too_large");
    }
    if (cause instanceof TooLongHttpLineException) {
      return ErrorBody.protocol(414, "path: too long", "uri_too_long");
    }
    return ErrorBody.protocol(400, "request: not HTTP/1.1", "malformed_request");
  }
}
