package dev.krait.server.net;

import dev.krait.error.EngineException;
import dev.krait.server.service.WatchedFiles;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolNegotiator;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSessionContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// TLS with the JDK's own provider, 1.2 and 1.3, whose files are read again when they change. Any
/// thread.
///
/// Connections that are open keep what they began with; sessions cannot be resumed over a change,
/// so that a client whose authority is gone has to show its certificate again. Files that do not
/// fit together, or whose certificate is not valid now, leave everything as it was.
@SuppressWarnings("deprecation") // A type that SslContext's own methods return.
public final class Tls extends SslContext {
  private static final Logger LOG = LoggerFactory.getLogger(Tls.class);
  private static final String CERTIFICATE = "tls-cert";
  private static final String KEY = "tls-key";
  private static final String AUTHORITIES = "tls-client-ca";

  private final TlsFiles files;
  private final UnaryOperator<SslContextBuilder> protocol;
  private final WatchedFiles watched;
  private final AtomicReference<SslContext> current;

  /// Reads the files.
  ///
  /// @param protocol adds what the protocol above needs, such as its name
  /// @throws EngineException INVALID_ARGUMENT that names the file and what is wrong with it
  public Tls(TlsFiles files, UnaryOperator<SslContextBuilder> protocol) {
    this(files, protocol, System::nanoTime);
  }

  Tls(TlsFiles files, UnaryOperator<SslContextBuilder> protocol, LongSupplier nanoClock) {
    this.files = files;
    this.protocol = protocol;
    this.watched = new WatchedFiles(files.all(), nanoClock);
    this.current = new AtomicReference<>(read());
  }

  private SslContext read() {
    X509Certificate[] chain = certificates(CERTIFICATE, files.certificate());
    requireValid(chain);
    PrivateKey key = key();
    requireMatch(chain[0], key);
    SslContextBuilder builder =
        SslContextBuilder.forServer(key, chain).sslProvider(SslProvider.JDK);
    files
        .clientAuthorities()
        .ifPresent(file ->
            builder.trustManager(certificates(AUTHORITIES, file)).clientAuth(ClientAuth.REQUIRE));
    try {
      return protocol.apply(builder).build();
    } catch (IOException e) {
      throw refused(CERTIFICATE, files.certificate(), "a certificate that TLS can use", e);
    }
  }

  private static X509Certificate[] certificates(String option, Path file) {
    requireFile(option, file);
    try {
      return toX509Certificates(file.toFile());
    } catch (CertificateException e) {
      throw refused(option, file, "certificates in PEM, BEGIN CERTIFICATE", e);
    }
  }

  private void requireValid(X509Certificate[] chain) {
    try {
      for (X509Certificate each : chain) {
        each.checkValidity();
      }
    } catch (CertificateException e) {
      throw refused(CERTIFICATE, files.certificate(), "certificates that are valid now", e);
    }
  }

  private PrivateKey key() {
    requireFile(KEY, files.key());
    try {
      return toPrivateKey(files.key().toFile(), null);
    } catch (IOException | GeneralSecurityException e) {
      throw refused(
          KEY,
          files.key(),
          "a private key in PEM, BEGIN PRIVATE KEY; `openssl pkcs8 -topk8 -nocrypt` converts others",
          e);
    }
  }

  private static void requireFile(String option, Path file) {
    if (!Files.isReadable(file)) {
      throw EngineException.invalidArgument(option, file, "a file that can be read");
    }
  }

  /// A pair of which one was renewed before the other would break every connection.
  private void requireMatch(X509Certificate certificate, PrivateKey key) {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    byte[] text = {1, 2, 3};
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(text);
      if (signature.verify(signed)) {
        return;
      }
    } catch (GeneralSecurityException other) {
      // Another algorithm: no match either.
    }
    throw EngineException.invalidArgument(
        KEY, files.key(), "the key of " + files.certificate() + ", which it is not");
  }

  private static EngineException refused(String option, Path file, String expected, Exception e) {
    return EngineException.invalidArgument(option, file + ": " + e.getMessage(), expected);
  }

  /// What new connections get.
  private SslContext fresh() {
    if (watched.changed()) {
      try {
        current.set(read());
        LOG.info("TLS: read {} again", files.certificate());
      } catch (EngineException e) {
        LOG.warn("TLS stays as it was: {}", e.getMessage());
      }
    }
    return current.get();
  }

  @Override
  public boolean isClient() {
    return false;
  }

  @Override
  public List<String> cipherSuites() {
    return current.get().cipherSuites();
  }

  @Override
  public ApplicationProtocolNegotiator applicationProtocolNegotiator() {
    return current.get().applicationProtocolNegotiator();
  }

  @Override
  public SSLEngine newEngine(ByteBufAllocator allocator) {
    return fresh().newEngine(allocator);
  }

  @Override
  public SSLEngine newEngine(ByteBufAllocator allocator, String host, int port) {
    return fresh().newEngine(allocator, host, port);
  }

  @Override
  public SSLSessionContext sessionContext() {
    return current.get().sessionContext();
  }
}
