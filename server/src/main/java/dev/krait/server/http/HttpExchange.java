package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.service.Admission;
import dev.krait.service.PromptRequest;
import dev.krait.service.Usage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One request and its answer.
///
/// Used by the request's own thread and by threads that it starts; responses and stream chunks may
/// block until the client reads.
public final class HttpExchange {
  /// Media type of JSON answers.
  public static final String JSON = "application/json";

  private static final Logger LOG = LoggerFactory.getLogger(HttpExchange.class);
  private static final String REQUEST_ID = "x-request-id";
  private static final Pattern ABSOLUTE =
      Pattern.compile("https?://([^/?#]*)(.*)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  private final Channel channel;
  private final HttpRequest request;
  private final byte[] body;
  private final Completion completion;
  private final boolean keepAlive;
  private final String requestId;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final List<Runnable> hangUpActions = new ArrayList<>();
  private final Map<String, String> added = new LinkedHashMap<>();
  private Optional<String> key = Optional.empty();
  private Optional<ErrorBody> error = Optional.empty();
  private Optional<Supplier<Usage>> usage = Optional.empty();
  private boolean gone;
  private boolean complete;
  private boolean written;
  private int status;

  /// Told on the event loop when the answer has been written.
  @FunctionalInterface
  interface Completion {
    void answered(boolean keepAlive);
  }

  HttpExchange(Channel channel, HttpRequest request, byte[] body, Completion completion) {
    this.channel = channel;
    this.request = request;
    this.body = body;
    this.completion = completion;
    this.keepAlive = HttpUtil.isKeepAlive(request);
    String given = request.headers().get(REQUEST_ID, "");
    this.requestId =
        PromptRequest.isId(given) ? given : UUID.randomUUID().toString().replace("-", "");
  }

  /// Request method, upper case.
  public String method() {
    return request.method().name();
  }

  /// Request target: path and query, also when the whole URL was sent.
  public String target() {
    Matcher url = ABSOLUTE.matcher(request.uri());
    if (!url.matches()) {
      return request.uri();
    }
    return url.group(2).startsWith("/") ? url.group(2) : "/" + url.group(2);
  }

  /// The name by which the server was called, with its port; empty when none was given. A whole URL
  /// counts more than the `Host` header (RFC 9112, 3.2.2).
  String host() {
    Matcher url = ABSOLUTE.matcher(request.uri());
    return url.matches() ? url.group(1) : header("host").orElse("");
  }

  /// The address of the client, without its port, and its key.
  public Admission.Client client() {
    return new Admission.Client(Admission.client(channel.remoteAddress()), key);
  }

  /// The name of the key that the request brings.
  public Optional<String> key() {
    return key;
  }

  void useKey(String name) {
    key = Optional.of(name);
  }

  /// Adds a header to the answer, before it begins.
  void addHeader(String name, String value) {
    added.put(name, value);
  }

  /// The error that the request was answered with.
  public Optional<ErrorBody> error() {
    return error;
  }

  /// One request header.
  public Optional<String> header(String name) {
    return Optional.ofNullable(request.headers().get(name));
  }

  /// All values of a request header, in order.
  public List<String> headers(String name) {
    return List.copyOf(request.headers().getAll(name));
  }

  /// The request body, empty when there is none. Not a copy.
  public byte[] body() {
    return body;
  }

  /// The client's `x-request-id`, or a new one; every response carries it.
  public String requestId() {
    return requestId;
  }

  /// Says who counts the tokens of this request.
  public void countTokens(Supplier<Usage> counted) {
    usage = Optional.of(counted);
  }

  /// Tokens of the request so far; empty when nothing was to be generated.
  public Optional<Usage> usage() {
    return usage.map(Supplier::get);
  }

  /// Answers with JSON text, status 200.
  public void respondJson(byte[] json) {
    respond(200, JSON, json, Map.of());
  }

  /// Answers with an error.
  public void respond(ErrorBody answer) {
    error = Optional.of(answer);
    respond(answer.status(), JSON, answer.json(), answer.headers());
  }

  /// Answers once and for all.
  public void respond(
      int statusCode, String contentType, byte[] content, Map<String, String> headers) {
    begin(statusCode);
    boolean bodiless = request.method().equals(HttpMethod.HEAD);
    ByteBuf payload = bodiless ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(content);
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(statusCode), payload);
    HttpHeaders out = response.headers();
    if (statusCode != HttpResponseStatus.NO_CONTENT.code()) {
      out.set(HttpHeaderNames.CONTENT_TYPE, contentType);
      out.set(HttpHeaderNames.CONTENT_LENGTH, content.length);
    }
    headers.forEach(out::set);
    addCommonHeaders(out);
    finish(response);
  }

  /// Begins a stream of server-sent events, status 200.
  public SseWriter stream() {
    begin(200);
    HttpResponse response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    HttpHeaders out = response.headers();
    out.set(HttpHeaderNames.CONTENT_TYPE, "text/event-stream; charset=utf-8");
    out.set(HttpHeaderNames.CACHE_CONTROL, "no-cache");
    if (request.protocolVersion().equals(HttpVersion.HTTP_1_0)) {
      out.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    } else {
      out.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    }
    addCommonHeaders(out);
    var _ = channel.write(response);
    return new SseWriter(this);
  }

  /// Runs an action when the client goes before the answer is complete; at once if it is gone.
  public void onHangUp(Runnable action) {
    lock.lock();
    try {
      if (!gone) {
        hangUpActions.add(action);
        return;
      }
    } finally {
      lock.unlock();
    }
    action.run();
  }

  /// True once a response has begun: an error can no longer change the status.
  public boolean isBegun() {
    return status() != 0;
  }

  /// Status of the response, or 0 before it begins.
  public int status() {
    lock.lock();
    try {
      return status;
    } finally {
      lock.unlock();
    }
  }

  boolean isComplete() {
    lock.lock();
    try {
      return complete;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until the complete answer is written or the client gone.
  void awaitWritten() {
    lock.lock();
    try {
      while (!gone && !written) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void written() {
    lock.lock();
    try {
      written = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  Channel channel() {
    return channel;
  }

  /// Sends one piece of a stream, after waiting until the client has room for it.
  ///
  /// @throws EngineException with CANCELLED when the client is gone
  void send(byte[] bytes) {
    lock.lock();
    try {
      while (!gone && !channel.isWritable()) {
        changed.awaitUninterruptibly();
      }
      if (gone) {
        throw new EngineException(ErrorCode.CANCELLED, "client: gone");
      }
      var _ = channel.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)));
    } finally {
      lock.unlock();
    }
  }

  void endStream() {
    finish(LastHttpContent.EMPTY_LAST_CONTENT);
  }

  void connectionChanged() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void connectionClosed() {
    List<Runnable> actions;
    lock.lock();
    try {
      gone = true;
      changed.signalAll();
      actions = complete ? List.of() : List.copyOf(hangUpActions);
    } finally {
      lock.unlock();
    }
    actions.forEach(Runnable::run);
  }

  /// A whole response after which the connection ends, for requests that never became an exchange.
  static FullHttpResponse closingResponse(ErrorBody error) {
    byte[] json = error.json();
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(error.status()),
            Unpooled.wrappedBuffer(json));
    error.headers().forEach(response.headers()::set);
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, JSON)
        .set(HttpHeaderNames.CONTENT_LENGTH, json.length)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    return response;
  }

  private void begin(int statusCode) {
    lock.lock();
    try {
      if (status != 0) {
        throw new IllegalStateException("response: already begun");
      }
      status = statusCode;
    } finally {
      lock.unlock();
    }
  }

  private void addCommonHeaders(HttpHeaders out) {
    added.forEach(out::set);
    out.set(REQUEST_ID, requestId);
    if (!keepAlive) {
      out.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    } else if (request.protocolVersion().equals(HttpVersion.HTTP_1_0)
        && !out.contains(HttpHeaderNames.CONNECTION)) {
      out.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
    }
  }

  private void finish(Object last) {
    lock.lock();
    try {
      complete = true;
    } finally {
      lock.unlock();
    }
    boolean streamToOld =
        last instanceof LastHttpContent
            && !(last instanceof FullHttpResponse)
            && request.protocolVersion().equals(HttpVersion.HTTP_1_0);
    Runnable write =
        () -> {
          var _ =
              channel
                  .writeAndFlush(last)
                  .addListener(sent -> {
                    written();
                    completion.answered(keepAlive && !streamToOld && sent.isSuccess());
                  });
        };
    try {
      channel.eventLoop().execute(write);
    } catch (RejectedExecutionException closed) {
      LOG.debug("the server closed before the answer to {} was written", requestId, closed);
      written();
    }
  }

  /// UTF-8 bytes of a text.
  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
