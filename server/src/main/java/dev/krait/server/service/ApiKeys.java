package dev.krait.server.service;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The keys of which a request must bring one, as `authorization: Bearer KEY`; the scheme's case is
/// free. Without a key everyone may pass. Any thread.
///
/// A key is printable ASCII, because a header can hold nothing else for sure; white space around it
/// does not count. Those of a file, one a line, follow the file: whenever it changes it is read
/// again, and one that cannot be read leaves the keys as they are.
public final class ApiKeys {
  private static final Logger LOG = LoggerFactory.getLogger(ApiKeys.class);
  private static final Pattern BEARER =
      Pattern.compile("bearer +(.*)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  /// How long a change of the file may go unseen.
  private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final List<byte[]> fixed;
  private final Optional<Path> file;
  private final LongSupplier nanoClock;
  private final AtomicReference<Contents> contents;
  private final AtomicLong nextCheck;

  /// What a file held, and how it looked then; a file that was looked at in vain has no keys.
  private record Contents(List<byte[]> keys, Optional<Stamp> stamp) {}

  /// What changes with a file.
  private record Stamp(FileTime modified, long size, Optional<Object> identity) {}

  /// Reads the keys.
  ///
  /// @param key one that the command line names
  /// @param file further ones, one a line
  /// @throws EngineException INVALID_ARGUMENT for a file that cannot be read, has no key, or a key
  ///   that no header can hold
  public ApiKeys(Optional<String> key, Optional<Path> file) {
    this(key, file, System::nanoTime);
  }

  ApiKeys(Optional<String> key, Optional<Path> file, LongSupplier nanoClock) {
    this.fixed = key.map(given -> List.of(bytes("api-key", given.strip()))).orElse(List.of());
    this.file = file;
    this.nanoClock = nanoClock;
    this.contents =
        new AtomicReference<>(
            file.map(ApiKeys::read).orElse(new Contents(List.of(), Optional.empty())));
    this.nextCheck = new AtomicLong(nanoClock.getAsLong() + CHECK_NANOS);
  }

  /// No key: everyone may pass.
  public static ApiKeys none() {
    return new ApiKeys(Optional.empty(), Optional.empty());
  }

  /// Whether a request may pass; the time it takes says nothing of the keys.
  ///
  /// @param authorizations the values of its `authorization` headers; more than one is refused,
  ///   because a proxy might have looked at another than the server
  public boolean admits(List<String> authorizations) {
    if (fixed.isEmpty() && file.isEmpty()) {
      return true;
    }
    checkFile();
    if (authorizations.size() != 1) {
      return false;
    }
    Matcher bearer = BEARER.matcher(authorizations.getFirst());
    if (!bearer.matches()) {
      return false;
    }
    byte[] given = bearer.group(1).getBytes(StandardCharsets.UTF_8);
    boolean named = holds(fixed, given);
    boolean inFile = holds(contents.get().keys(), given);
    return named || inFile;
  }

  /// Reads the file now, whether it has changed or not.
  public void reload() {
    file.ifPresent(path -> {
      try {
        contents.set(read(path));
        LOG.info("{} keys of {}", contents.get().keys().size(), path);
      } catch (EngineException e) {
        // The stamp is taken over all the same, so that one change is told once.
        contents.updateAndGet(before -> new Contents(before.keys(), stampOf(path)));
        LOG.warn("the keys stay as they were: {}", e.getMessage());
      }
    });
  }

  private void checkFile() {
    long due = nextCheck.get();
    long now = nanoClock.getAsLong();
    if (file.isEmpty() || now - due < 0 || !nextCheck.compareAndSet(due, now + CHECK_NANOS)) {
      return;
    }
    if (!stampOf(file.get()).equals(contents.get().stamp())) {
      reload();
    }
  }

  private static boolean holds(List<byte[]> keys, byte[] given) {
    boolean found = false;
    for (byte[] key : keys) {
      found |= MessageDigest.isEqual(key, given);
    }
    return found;
  }

  private static Contents read(Path file) {
    Optional<Stamp> stamp = stampOf(file);
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      throw EngineException.invalidArgument("api-key-file", file, "a file; there is none");
    } catch (IOException e) {
      throw EngineException.invalidArgument(
          "api-key-file", file, "a text file that can be read; " + e.getMessage());
    }
    List<byte[]> keys = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (!line.isEmpty()) {
        keys.add(bytes("api-key-file: " + file + ", line " + (i + 1), line));
      }
    }
    if (keys.isEmpty()) {
      throw EngineException.invalidArgument(
          "api-key-file", file, "a key on at least one line; without the option none is needed");
    }
    return new Contents(List.copyOf(keys), stamp);
  }

  /// The bytes of a key; a message never shows it.
  private static byte[] bytes(String name, String key) {
    if (key.isEmpty()) {
      throw EngineException.invalidArgument(
          name, "empty", "a key; is a variable unset? Without the option none is needed");
    }
    if (key.chars().anyMatch(c -> c < 0x20 || c > 0x7e)) {
      throw EngineException.invalidArgument(
          name, "a character that headers cannot hold", "printable ASCII alone");
    }
    return key.getBytes(StandardCharsets.US_ASCII);
  }

  private static Optional<Stamp> stampOf(Path file) {
    try {
      BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
      return Optional.of(
          new Stamp(now.lastModifiedTime(), now.size(), Optional.ofNullable(now.fileKey())));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
