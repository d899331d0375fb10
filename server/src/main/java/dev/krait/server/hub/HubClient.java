package dev.krait.server.hub;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a hub is asked. Redirects are followed here, because the token goes to the endpoint alone.
///
/// [HttpURLConnection] has a time limit for silence in the middle of a body, which
/// [java.net.http.HttpClient] lacks.
final class HubClient {
  private static final int CONNECT_MILLIS = 10_000;
  private static final int SILENCE_MILLIS = 30_000;
  private static final int MAX_REDIRECTS = 10;
  private static final int MAX_LISTING_BYTES = 64 << 20;
  private static final Pattern SECONDS = Pattern.compile("\\d{1,6}");

  /// The length of the window in which the hub counts requests.
  private static final long MAX_WAIT_SECONDS = 300;

  private final HubSettings settings;

  HubClient(HubSettings settings) {
    this.settings = settings;
  }

  /// The hub cannot answer now, which may pass.
  static final class Busy extends IOException {
    private static final long serialVersionUID = 1L;
    private final Duration pause;

    Busy(String message, Duration pause) {
      super(message);
      this.pause = pause;
    }

    /// How long the hub wants to be left alone; zero when it does not say.
    Duration pause() {
      return pause;
    }
  }

  /// What a revision holds.
  ///
  /// @param commit that the revision has now
  /// @param files paths of its files
  record Listing(String commit, Set<String> files) {}

  /// What is known of a file before it is downloaded.
  ///
  /// @param etag SHA-256 of large files, the id in git of others
  /// @param bytes its length; -1 when the hub does not say
  record Metadata(String etag, long bytes) {}

  /// Asks for the files of a revision.
  Listing listing(ModelName name) throws IOException {
    URI address =
        URI.create(
            settings.endpoint()
                + "/api/models/"
                + name.id()
                + "/revision/"
                + URLEncoder.encode(name.revision(), StandardCharsets.UTF_8));
    HttpURLConnection answer = send("GET", address, 0);
    requireSuccess(answer, name, "");
    try (InputStream in = answer.getInputStream()) {
      JsonNode json = JsonMapper.shared().readTree(in.readNBytes(MAX_LISTING_BYTES));
      Set<String> files = new TreeSet<>();
      json.path("siblings").forEach(file -> files.add(file.path("rfilename").asString("")));
      return new Listing(HubCache.requireCommit(json.path("sha").asString("")), files);
    } catch (JacksonException e) {
      throw new IOException("the answer is not the JSON of a hub", e);
    }
  }

  /// Asks for the etag and the length of a file.
  Metadata metadata(ModelName name, String commit, String file) throws IOException {
    HttpURLConnection answer = send("HEAD", address(name, commit, file), 0);
    Optional<String> linked = header(answer, "X-Linked-Etag");
    if (linked.isEmpty()) {
      requireSuccess(answer, name, file);
    }
    String etag =
        linked
            .or(() -> header(answer, "ETag"))
            .orElseThrow(() -> new IOException(file + ": no ETag in the answer"));
    String bytes =
        header(answer, "X-Linked-Size")
            .or(() -> linked.isPresent() ? Optional.empty() : header(answer, "Content-Length"))
            .orElse("-1");
    try {
      return new Metadata(etag.replaceFirst("^W/", "").replace("\"", ""), Long.parseLong(bytes));
    } catch (NumberFormatException e) {
      throw new IOException(file + ": a length of " + EngineException.shown(bytes), e);
    }
  }

  /// Asks for a file from an offset on. The answer is 200 for the whole file, 206 for the rest or
  /// 416 when there is none.
  HttpURLConnection content(ModelName name, String commit, String file, long from)
      throws IOException {
    HttpURLConnection answer = send("GET", address(name, commit, file), from);
    if (from == 0 || answer.getResponseCode() != 416) {
      requireSuccess(answer, name, file);
    }
    return answer;
  }

  private URI address(ModelName name, String commit, String file) {
    return URI.create(settings.endpoint() + "/" + name.id() + "/resolve/" + commit + "/" + file);
  }

  /// Sends a request and follows redirects; one of HEAD ends where the hub has named the file.
  private HttpURLConnection send(String method, URI address, long from) throws IOException {
    URI at = address;
    for (int hop = 0; hop <= MAX_REDIRECTS; hop++) {
      HttpURLConnection answer = open(method, at, from);
      int status = answer.getResponseCode();
      boolean named = method.equals("HEAD") && header(answer, "X-Linked-Etag").isPresent();
      if (status / 100 != 3 || status == 304 || named) {
        return answer;
      }
      at = next(at, header(answer, "Location").orElse(""));
      answer.disconnect();
    }
    throw new IOException("more than " + MAX_REDIRECTS + " redirects");
  }

  private HttpURLConnection open(String method, URI at, long from) throws IOException {
    HttpURLConnection request = (HttpURLConnection) at.toURL().openConnection();
    request.setInstanceFollowRedirects(false);
    request.setUseCaches(false);
    request.setConnectTimeout(CONNECT_MILLIS);
    request.setReadTimeout(SILENCE_MILLIS);
    request.setRequestMethod(method);
    request.setRequestProperty("User-Agent", "krait");
    request.setRequestProperty("Accept-Encoding", "identity");
    if (from > 0) {
      request.setRequestProperty("Range", "bytes=" + from + "-");
    }
    if (settings.token().isPresent() && settings.isEndpoint(at)) {
      request.setRequestProperty("Authorization", "Bearer " + settings.token().get());
    }
    return request;
  }

  /// Where a redirect leads: to another server over TLS, or to the same one.
  private URI next(URI at, String location) throws IOException {
    URI next;
    try {
      next = at.resolve(location);
    } catch (IllegalArgumentException e) {
      throw new IOException("a redirect to something that is no address", e);
    }
    boolean plain = "http".equalsIgnoreCase(next.getScheme());
    if (next.getHost() == null
        || (plain && "https".equalsIgnoreCase(at.getScheme()))
        || (!plain && !"https".equalsIgnoreCase(next.getScheme()))) {
      throw new IOException("a redirect to " + next.getScheme() + "://" + next.getHost());
    }
    return next;
  }

  private void requireSuccess(HttpURLConnection answer, ModelName name, String file)
      throws IOException {
    int status = answer.getResponseCode();
    if (status == 200 || status == 206) {
      return;
    }
    if (status == 429 || status == 408 || status >= 500) {
      String after = header(answer, "Retry-After").orElse("");
      long seconds =
          SECONDS.matcher(after).matches() ? Math.min(Long.parseLong(after), MAX_WAIT_SECONDS) : 0;
      throw new Busy("the hub answered " + status, Duration.ofSeconds(seconds));
    }
    String problem = header(answer, "X-Error-Code").orElse("");
    throw new EngineException(
        ErrorCode.NOT_FOUND,
        "model",
        name + ": " + refusal(status, problem, name, file) + said(answer));
  }

  private String refusal(int status, String problem, ModelName name, String file) {
    boolean known = settings.token().isPresent();
    if (problem.equals("GatedRepo")) {
      return "gated (expected: "
          + (known ? "a token of an account" : "HF_TOKEN, the token of an account")
          + " that was given access at "
          + settings.endpoint()
          + "/"
          + name.id()
          + ")";
    }
    if (problem.equals("RevisionNotFound")) {
      return "no revision " + name.revision() + " (expected: a branch, a tag or a commit)";
    }
    return switch (status) {
      case 401, 403 ->
          known
              ? status + ", no access (expected: a model that the account of the token may read)"
              : status
                  + ", no such model, or one that needs a token (expected: a folder, a public model, or"
                  + " HF_TOKEN)";
      case 404 ->
          file.isEmpty()
              ? "no such folder, and no such model on "
                  + settings.endpoint()
                  + " (expected: a folder or owner/name)"
              : file + " is not there any more (expected: a file of the revision)";
      default -> settings.endpoint() + " answered " + status + " (expected: 200)";
    };
  }

  /// What the hub says itself, where it says anything.
  private static String said(HttpURLConnection answer) {
    return header(answer, "X-Error-Message")
        .map(text -> "; it says: " + EngineException.shown(text))
        .orElse("");
  }

  static Optional<String> header(HttpURLConnection answer, String name) {
    return Optional.ofNullable(answer.getHeaderField(name));
  }
}
