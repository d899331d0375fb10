package dev.krait.server.hub;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.function.LongConsumer;

/// One file on its way into a blob: it goes on where it was broken off, and gets its name once its
/// length and its checksum are right.
///
/// @param client the hub
/// @param name the model
/// @param commit the revision
/// @param file path in the repository
/// @param expected what the hub says of it
/// @param blob where it goes
record Download(
    HubClient client,
    ModelName name,
    String commit,
    String file,
    HubClient.Metadata expected,
    Path blob) {
  private static final int SHA256_DIGITS = 64;
  private static final int GIT_DIGITS = 40;
  private static final int BUFFER_BYTES = 1 << 16;

  /// A finished file has another content than the hub says.
  static final class Damaged extends IOException {
    private static final long serialVersionUID = 1L;

    Damaged(String message) {
      super(message);
    }
  }

  private Path part() {
    // Not the Python client's name: it would append to it without seeing the lock.
    return blob.resolveSibling(blob.getFileName() + ".krait.incomplete");
  }

  /// Bytes that are here already.
  long bytes() {
    try {
      return Files.size(part());
    } catch (IOException none) {
      return 0;
    }
  }

  /// Goes on with the file and ends it.
  ///
  /// @param progress is given the number of bytes that have come, negative for bytes thrown away
  /// @throws IOException when it was broken off; what has come is kept
  /// @throws Damaged when it is whole and wrong; nothing is kept
  void run(LongConsumer progress) throws IOException {
    Files.createDirectories(blob.getParent());
    if (expected.bytes() < 0 || bytes() < expected.bytes() || bytes() == 0) {
      transfer(progress);
    }
    long bytes = bytes();
    if (bytes < expected.bytes()) {
      throw new IOException("ended" + whereItEnded());
    }
    Optional<String> wrong =
        expected.bytes() >= 0 && bytes > expected.bytes()
            ? Optional.of("more than " + expected.bytes() + " bytes")
            : wrongChecksum();
    if (wrong.isPresent()) {
      Files.delete(part());
      progress.accept(-bytes);
      throw new Damaged(file + ": " + wrong.get());
    }
    try (FileChannel channel = FileChannel.open(part(), StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(part(), blob, StandardCopyOption.ATOMIC_MOVE);
  }

  private void transfer(LongConsumer progress) throws IOException {
    long from = bytes();
    HttpURLConnection answer = client.content(name, commit, file, from);
    boolean goesOn = answer.getResponseCode() == 206 && startsAt(answer, from);
    if (from > 0 && !goesOn) {
      progress.accept(-from);
    }
    if (answer.getResponseCode() != 200 && !goesOn) {
      Files.deleteIfExists(part());
      throw new IOException("the hub has no part of the file from byte " + from + " on");
    }
    try (InputStream in = answer.getInputStream();
        OutputStream out =
            Files.newOutputStream(
                part(),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                goesOn ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING)) {
      copy(in, out, goesOn ? from : 0, progress);
    }
  }

  private String whereItEnded() {
    return " after %d bytes (expected: %d)".formatted(bytes(), expected.bytes());
  }

  private static boolean startsAt(HttpURLConnection answer, long from) {
    return HubClient.header(answer, "Content-Range")
        .filter(range -> range.startsWith("bytes " + from + "-"))
        .isPresent();
  }

  /// Copies until the end, or one buffer beyond the length that the file should have.
  private void copy(InputStream in, OutputStream out, long from, LongConsumer progress)
      throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    long total = from;
    int read = read(in, buffer);
    while (read >= 0) {
      out.write(buffer, 0, read);
      total += read;
      progress.accept(read);
      read = expected.bytes() >= 0 && total > expected.bytes() ? -1 : read(in, buffer);
    }
  }

  private int read(InputStream in, byte[] buffer) throws IOException {
    try {
      return in.read(buffer);
    } catch (IOException e) {
      throw new IOException(e.getMessage() + whereItEnded(), e);
    }
  }

  /// What is wrong with the content, where the etag is a checksum.
  private Optional<String> wrongChecksum() throws IOException {
    String etag = expected.etag();
    if (!etag.matches("[0-9a-f]+")) {
      return Optional.empty();
    }
    return switch (etag.length()) {
      case SHA256_DIGITS -> differs(etag, "SHA-256", "");
      // Git's id of a file.
      case GIT_DIGITS -> differs(etag, "SHA-1", "blob " + bytes() + "\0");
      default -> Optional.empty();
    };
  }

  private Optional<String> differs(String etag, String algorithm, String head) throws IOException {
    MessageDigest digest = digest(algorithm);
    digest.update(head.getBytes(StandardCharsets.US_ASCII));
    try (InputStream in = Files.newInputStream(part())) {
      byte[] buffer = new byte[BUFFER_BYTES];
      int read = in.read(buffer);
      while (read >= 0) {
        digest.update(buffer, 0, read);
        read = in.read(buffer);
      }
    } catch (NoSuchFileException gone) {
      throw new IOException("somebody has removed " + part(), gone);
    }
    String found = HexFormat.of().formatHex(digest.digest());
    return found.equals(etag)
        ? Optional.empty()
        : Optional.of(algorithm + " " + found + " (expected: " + etag + ")");
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw EngineException.invalidArgument("digest", algorithm, "one that every JDK has");
    }
  }
}
