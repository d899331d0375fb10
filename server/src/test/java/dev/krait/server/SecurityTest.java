package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.proto.inference.v1.CompleteRequest;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.InferenceServiceGrpc;
import dev.krait.proto.inference.v1.InferenceServiceGrpc.InferenceServiceBlockingStub;
import dev.krait.server.http.HttpServerConfig;
import dev.krait.server.net.TlsFiles;
import dev.krait.server.service.ApiKeys;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import dev.krait.service.KeyLimits;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Who is refused, over HTTP and gRPC: by key, by certificate, by name.
@Tag("slow")
class SecurityTest {
  private static final int PERMISSION_DENIED = 403;

  @TempDir Path folder;

  @BeforeEach
  void copyCertificates() throws IOException {
    for (String name : List.of("server", "renewed", "client", "expired", "ca")) {
      for (String file : List.of(name + ".pem", name + ".key")) {
        try (InputStream in = SecurityTest.class.getResourceAsStream("/tls/" + file)) {
          if (in != null) {
            Files.copy(in, folder.resolve(file));
          }
        }
      }
    }
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private ServerConfig tls(ServerConfig config, Optional<Path> clientAuthorities) {
    TlsFiles files = new TlsFiles(file("server.pem"), file("server.key"), clientAuthorities);
    return config.with(set ->
        set.http = HttpServerConfig.of("127.0.0.1", 0, http -> http.tls = Optional.of(files)));
  }

  private ServerConfig withKeyFile(ServerConfig config) {
    return withKeyFile(config, KeyLimits.Most.none());
  }

  private ServerConfig withKeyFile(ServerConfig config, KeyLimits.Most limits) {
    ApiKeys.Source api =
        new ApiKeys.Source("api-key", false, Optional.empty(), Optional.of(file("keys")));
    ApiKeys.Source admin =
        new ApiKeys.Source("admin-key", true, Optional.of("root"), Optional.empty());
    return config.with(set -> set.keys = new ServerConfig.Keys(List.of(api, admin), limits, false));
  }

  // HTTP

  private HttpClient client(String trusted, Optional<String> own) {
    try {
      KeyStore trust = KeyStore.getInstance(KeyStore.getDefaultType());
      trust.load(null, null);
      try (InputStream in = Files.newInputStream(file(trusted))) {
        trust.setCertificateEntry(
            "server", CertificateFactory.getInstance("X.509").generateCertificate(in));
      }
      TrustManagerFactory trusting =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trusting.init(trust);
      SSLContext context = SSLContext.getInstance("TLS");
      KeyManager[] keys = own.isEmpty() ? new KeyManager[0] : keys(own.get());
      context.init(keys, trusting.getTrustManagers(), new SecureRandom());
      return HttpClient.newBuilder().sslContext(context).build();
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private KeyManager[] keys(String name) throws GeneralSecurityException, IOException {
    String pem = Files.readString(file(name + ".key")).replaceAll("-----[^-]+-----|\\s", "");
    PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(file(name + ".pem"))) {
      store.setKeyEntry(
          "own",
          KeyFactory.getInstance("EC").generatePrivate(key),
          new char[0],
          new Certificate[] {CertificateFactory.getInstance("X.509").generateCertificate(in)});
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, new char[0]);
    return keys.getKeyManagers();
  }

  private static HttpResponse<String> get(HttpClient client, TestServer server, String... headers)
      throws IOException, InterruptedException {
    URI address = URI.create("https://127.0.0.1:" + server.server().port() + "/version");
    HttpRequest.Builder request = HttpRequest.newBuilder(address);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  // gRPC

  private ManagedChannel channel(TestServer server, String trusted, Optional<String> own) {
    int port = server.server().grpcPort().orElseThrow();
    try {
      SslContextBuilder tls = GrpcSslContexts.forClient().trustManager(file(trusted).toFile());
      own.ifPresent(
          name -> tls.keyManager(file(name + ".pem").toFile(), file(name + ".key").toFile()));
      return NettyChannelBuilder.forAddress("127.0.0.1", port).sslContext(tls.build()).build();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ManagedChannel plain(TestServer server) {
    int port = server.server().grpcPort().orElseThrow();
    return NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
  }

  private static Status.Code complete(ManagedChannel channel, String... headers) {
    Metadata metadata = new Metadata();
    for (int i = 0; i < headers.length; i += 2) {
      metadata.put(Metadata.Key.of(headers[i], Metadata.ASCII_STRING_MARSHALLER), headers[i + 1]);
    }
    InferenceServiceBlockingStub stub =
        InferenceServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata));
    try {
      GenerateRequest request =
          GenerateRequest.newBuilder().setModel("krait-tiny").setPrompt("Once").build();
      var _ = stub.complete(CompleteRequest.newBuilder().setGeneration(request).build());
      return Status.Code.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus().getCode();
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void bothPortsSpeakTls() throws Exception {
    try (TestServer server = TestServer.start(config -> tls(config, Optional.empty()))) {
      assertThat(get(client("server.pem", Optional.empty()), server).statusCode()).isEqualTo(200);
      assertThat(complete(channel(server, "server.pem", Optional.empty())))
          .isEqualTo(Status.Code.OK);
      assertThatThrownBy(() -> get(client("renewed.pem", Optional.empty()), server))
          .isInstanceOf(IOException.class);
      assertThat(complete(channel(server, "renewed.pem", Optional.empty())))
          .isEqualTo(Status.Code.UNAVAILABLE);
      assertThatThrownBy(() -> server.http().get("/version"));
      assertThat(complete(plain(server))).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  @Test
  void aClientNeedsACertificateThatIsSignedAndValid() throws Exception {
    try (TestServer server = TestServer.start(config -> tls(config, Optional.of(file("ca.pem"))))) {
      Optional<String> good = Optional.of("client");
      assertThat(get(client("server.pem", good), server).statusCode()).isEqualTo(200);
      assertThat(complete(channel(server, "server.pem", good))).isEqualTo(Status.Code.OK);
      for (Optional<String> bad :
          List.of(Optional.<String>empty(), Optional.of("expired"), Optional.of("renewed"))) {
        assertThatThrownBy(() -> get(client("server.pem", bad), server))
            .as("HTTP with the certificate %s", bad)
            .isInstanceOf(IOException.class);
        assertThat(complete(channel(server, "server.pem", bad)))
            .as("gRPC with the certificate %s", bad)
            .isEqualTo(Status.Code.UNAVAILABLE);
      }
    }
  }

  private void replace(String name, String by) throws IOException {
    Files.copy(file(by), file(name), StandardCopyOption.REPLACE_EXISTING);
  }

  private boolean serves(TestServer server, String certificate) {
    try {
      return get(client(certificate, Optional.empty()), server).statusCode() == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aRenewedCertificateIsTakenWithoutARestart() throws Exception {
    try (TestServer server = TestServer.start(config -> tls(config, Optional.empty()))) {
      assertThat(serves(server, "server.pem")).isTrue();
      replace("server.pem", "renewed.pem");
      replace("server.key", "renewed.key");
      Waiting.until(() -> serves(server, "renewed.pem"));
      Waiting.until(
          () -> complete(channel(server, "renewed.pem", Optional.empty())) == Status.Code.OK);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          expired.pem | expired.key | tls-cert: | valid now
          server.pem  | renewed.key | tls-key:  | the key of
          server.key  | server.key  | tls-cert: | BEGIN CERTIFICATE
          server.pem  | server.pem  | tls-key:  | BEGIN PRIVATE KEY
          none.pem    | server.key  | tls-cert: | can be read
          """)
  void filesThatDoNotFitStopTheStart(String cert, String key, String option, String message) {
    TlsFiles files = new TlsFiles(file(cert), file(key), Optional.empty());
    assertThatThrownBy(() ->
            TestServer.start(config ->
                    config.with(set ->
                        set.http =
                            HttpServerConfig.of(
                                "127.0.0.1", 0, http -> http.tls = Optional.of(files))))
                .close())
        .isInstanceOf(EngineException.class)
        .hasMessageStartingWith(option)
        .hasMessageContaining(message);
  }

  private int status(TestServer server, String path, String... headers) {
    return server.http().get(path, headers).status();
  }

  @Test
  void aKeyIsAskedForByBothAndCountsNoMoreOnceItsLineIsGone() throws Exception {
    Files.writeString(file("keys"), "team-a: one\nteam-b: two\n");
    try (TestServer server = TestServer.start(this::withKeyFile)) {
      String[] one = {"authorization", "Bearer one"};
      String[] two = {"authorization", "Bearer two"};
      assertThat(status(server, "/v1/models")).isEqualTo(401);
      assertThat(status(server, "/v1/models", "authorization", "Bearer wrong")).isEqualTo(401);
      assertThat(status(server, "/v1/models", one)).isEqualTo(200);
      assertThat(complete(plain(server))).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(complete(plain(server), "authorization", "Bearer wrong"))
          .isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(complete(plain(server), one)).isEqualTo(Status.Code.OK);

      Files.writeString(file("keys"), "team-b: two\n");

      Waiting.until(() -> status(server, "/v1/models", one) == 401);
      assertThat(complete(plain(server), one)).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(status(server, "/v1/models", two)).isEqualTo(200);
      assertThat(complete(plain(server), two)).isEqualTo(Status.Code.OK);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/metrics", "/load"})
  void whatOperatorsAskNeedsAnAdminKey(String path) throws IOException {
    Files.writeString(file("keys"), "team-a: one\n");
    try (TestServer server = TestServer.start(this::withKeyFile)) {
      var refused = server.http().get(path, "authorization", "Bearer one");
      assertThat(refused.status()).isEqualTo(PERMISSION_DENIED);
      assertThat(refused.text()).contains("the key team-a (expected: an admin key)");
      assertThat(status(server, path)).isEqualTo(401);
      assertThat(status(server, path, "authorization", "Bearer root")).isEqualTo(200);
      assertThat(status(server, "/v1/models", "authorization", "Bearer root")).isEqualTo(200);
      assertThat(status(server, "/health")).isEqualTo(200);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "0, 1"})
  void aKeyThatHasUsedItsShareIsToldWhenToTryAgainByBoth(int requests, int tokens)
      throws IOException {
    Files.writeString(file("keys"), "team-a: one\nteam-b: two\n");
    KeyLimits.Most limits = new KeyLimits.Most(0, requests, tokens);
    try (TestServer server = TestServer.start(config -> withKeyFile(config, limits))) {
      String[] one = {"authorization", "Bearer one"};
      assertThat(complete(plain(server), one)).isEqualTo(Status.Code.OK);
      assertThat(complete(plain(server), one)).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
      var refused = server.http().post("/v1/completions", "{\"prompt\": \"Once\"}", one);
      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.text()).contains("key team-a").doesNotContain("Bearer");
      assertThat(Integer.parseInt(refused.header("retry-after"))).isGreaterThan(1);
      String[] two = {"authorization", "Bearer two"};
      assertThat(server.http().post("/v1/completions", "{\"prompt\": \"Once\"}", two).status())
          .isEqualTo(200);
    }
  }

  @Test
  void anotherNameOrPageIsRefusedByBoth() {
    try (TestServer server = TestServer.start()) {
      int port = server.server().grpcPort().orElseThrow();
      ManagedChannel renamed =
          NettyChannelBuilder.forAddress("127.0.0.1", port)
              .overrideAuthority("evil.example.org")
              .usePlaintext()
              .build();
      assertThat(complete(renamed)).isEqualTo(Status.Code.PERMISSION_DENIED);
      assertThat(complete(plain(server), "origin", "https://evil.example.org"))
          .isEqualTo(Status.Code.PERMISSION_DENIED);
      assertThat(complete(plain(server), "origin", "https://chat.example.org"))
          .isEqualTo(Status.Code.OK);
      assertThat(complete(plain(server), "origin", "http://localhost:3000"))
          .isEqualTo(Status.Code.OK);
    }
  }

  @Test
  void anotherContentTypeIsRefusedByGrpc() throws Exception {
    try (TestServer server = TestServer.start(config -> tls(config, Optional.empty()))) {
      URI address =
          URI.create(
              "https://127.0.0.1:"
                  + server.server().grpcPort().orElseThrow()
                  + "/krait.inference.v1.InferenceService/Complete");
      HttpRequest request =
          HttpRequest.newBuilder(address)
              .header("content-type", "text/plain")
              .POST(HttpRequest.BodyPublishers.ofString("{}"))
              .build();
      HttpResponse<String> answer =
          client("server.pem", Optional.empty()).send(request, BodyHandlers.ofString());
      assertThat(answer.version()).isEqualTo(HttpClient.Version.HTTP_2);
      assertThat(answer.statusCode()).isEqualTo(415);
    }
  }
}
