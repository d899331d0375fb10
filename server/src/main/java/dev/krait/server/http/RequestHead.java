package dev.krait.server.http;

import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/// What RFC 9112 asks of the head of a request, beyond what Netty checks.
final class RequestHead {
  private RequestHead() {}

  /// Why a request is refused before its body is read; empty when it is not.
  static Optional<ErrorBody> refusal(HttpRequest request, int maxBodyBytes) {
    if (request.decoderResult().isFailure()) {
      return Optional.of(malformed(request.decoderResult()));
    }
    HttpVersion version = request.protocolVersion();
    if (version.majorVersion() != 1) {
      return refused(505, "version: " + version.text() + " (expected: HTTP/1.1)", "http_version");
    }
    List<String> hosts = request.headers().getAll(HttpHeaderNames.HOST);
    if (hosts.size() > 1 || (hosts.isEmpty() && version.minorVersion() > 0)) {
      return refused(400, "host: " + hosts.size() + " headers (expected: one)", "invalid_host");
    }
    List<String> coded = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    boolean chunked =
        coded.size() == 1 && HttpHeaderValues.CHUNKED.contentEqualsIgnoreCase(coded.getFirst());
    if (!coded.isEmpty() && !chunked) {
      String codings = String.join(", ", coded);
      return refused(
          501, "transfer-encoding: " + codings + " (expected: chunked)", "unsupported_coding");
    }
    String encoding = request.headers().get(HttpHeaderNames.CONTENT_ENCODING, "identity");
    if (!encoding.equalsIgnoreCase("identity")) {
      return refused(
          415, "content-encoding: " + encoding + " (expected: identity)", "unsupported_media");
    }
    if (HttpUtil.getContentLength(request, 0L) > maxBodyBytes) {
      return Optional.of(tooLarge(maxBodyBytes));
    }
    return Optional.empty();
  }

  private static Optional<ErrorBody> refused(int status, String message, String code) {
    return Optional.of(ErrorBody.protocol(status, message, code));
  }

  static ErrorBody tooLarge(int maxBodyBytes) {
    return ErrorBody.protocol(
        413, "body: too large (expected: at most " + maxBodyBytes + " bytes)", "request_too_large");
  }

  static ErrorBody malformed(DecoderResult result) {
    Throwable cause = result.cause();
    if (cause instanceof TooLongHttpHeaderException) {
      return ErrorBody.protocol(431, "header: too large", "header_too_large");
    }
    if (cause instanceof TooLongHttpLineException) {
      return ErrorBody.protocol(414, "path: too long", "uri_too_long");
    }
    return ErrorBody.protocol(400, "request: not HTTP/1.1", "malformed_request");
  }

  /// Reads requests; takes the protocol's name in capitals only, as the RFC writes it.
  static final class Decoder extends HttpRequestDecoder {
    private static final Pattern VERSION = Pattern.compile("HTTP/\\d\\.\\d");

    Decoder(HttpDecoderConfig config) {
      super(config);
    }

    @Override
    protected HttpMessage createMessage(String[] initialLine) throws Exception {
      if (!VERSION.matcher(initialLine[2]).matches()) {
        throw new IllegalArgumentException("version: " + initialLine[2]);
      }
      return super.createMessage(initialLine);
    }
  }
}
