package dev.krait.server.service;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
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
/// does not count. Those of a file, one a line, may have names, `NAME:KEY`, and follow the file:
/// whenever it changes it is read again, and one that cannot be read leaves the keys as they are.
public final class ApiKeys {
  private static final Logger LOG = LoggerFactory.getLogger(ApiKeys.class);
  private static final Pattern BEARER =
      Pattern.compile("bearer +(.*)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
  private static final Pattern NAMED = Pattern.compile("([\\w.-]{1,64}):\\s*(.*)");

  private final List<Source> sources;
  private final WatchedFiles watched;
  private final AtomicReference<List<List<Key>>> keys;

  /// Where keys come from.
  ///
  /// @param option for messages and names, such as `api-key`
  /// @param admin whether they open what operators ask, too
  /// @param key one that the command line names
  /// @param file further ones, one a line
  public record Source(String option, boolean admin, Optional<String> key, Optional<Path> file) {
    private boolean isEmpty() {
      return key.isEmpty() && file.isEmpty();
    }
  }

  private static final class Key {
    private final String name;
    private final boolean admin;
    private final byte[] bytes;

    Key(String name, boolean admin, byte[] bytes) {
      this.name = name;
      this.admin = admin;
      this.bytes = bytes;
    }
  }

  /// What a request may do.
  ///
  /// @param key name of the key that it brings
  /// @param api whether it may use the API
  /// @param admin whether it may ask what operators ask
  public record Verdict(Optional<String> key, boolean api, boolean admin) {}

  /// Reads the keys.
  ///
  /// @param sources where admin keys come from no source, any key opens what operators ask
  /// @throws EngineException INVALID_ARGUMENT for a file that cannot be read, has no key, or a key
  ///   that no header can hold
  public ApiKeys(List<Source> sources) {
    this(sources, System::nanoTime);
  }

  ApiKeys(List<Source> sources, LongSupplier nanoClock) {
    this.sources = sources.stream().filter(source -> !source.isEmpty()).toList();
    this.watched =
        new WatchedFiles(
            this.sources.stream().flatMap(source -> source.file().stream()).toList(), nanoClock);
    this.keys = new AtomicReference<>(this.sources.stream().map(ApiKeys::read).toList());
  }

  /// No key: everyone may pass.
  public static ApiKeys none() {
    return new ApiKeys(List.of());
  }

  /// What a request may do; the time it takes says nothing of the keys.
  ///
  /// @param authorizations the values of its `authorization` headers; more than one is refused,
  ///   because a proxy might have looked at another than the server
  public Verdict check(List<String> authorizations) {
    if (watched.changed()) {
      reload();
    }
    Optional<Key> found = Optional.empty();
    Matcher bearer = BEARER.matcher(authorizations.size() == 1 ? authorizations.getFirst() : "");
    if (bearer.matches()) {
      byte[] given = bearer.group(1).getBytes(StandardCharsets.UTF_8);
      for (List<Key> source : keys.get()) {
        for (Key key : source) {
          found = MessageDigest.isEqual(key.bytes, given) ? Optional.of(key) : found;
        }
      }
    }
    boolean api = found.isPresent() || sources.stream().allMatch(Source::admin);
    boolean guarded = sources.stream().anyMatch(Source::admin);
    boolean admin = guarded ? found.filter(key -> key.admin).isPresent() : api;
    return new Verdict(found.map(key -> key.name), api, admin);
  }

  /// Reads the files now, whether they have changed or not.
  public void reload() {
    List<List<Key>> before = keys.get();
    List<List<Key>> now = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      List<Key> read = before.get(i);
      try {
        read = read(sources.get(i));
        LOG.info("{}: {} keys", sources.get(i).option(), read.size());
      } catch (EngineException e) {
        LOG.warn("the keys stay as they were: {}", e.getMessage());
      }
      now.add(read);
    }
    keys.set(now);
  }

  private static List<Key> read(Source source) {
    List<Key> keys = new ArrayList<>();
    source
        .key()
        .ifPresent(key ->
            keys.add(
                new Key(source.option(), source.admin(), bytes(source.option(), key.strip()))));
    source.file().ifPresent(file -> keys.addAll(read(source, file)));
    return List.copyOf(keys);
  }

  private static List<Key> read(Source source, Path file) {
    String option = source.option() + "-file";
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      throw EngineException.invalidArgument(option, file, "a file; there is none");
    } catch (IOException e) {
      throw EngineException.invalidArgument(
          option, file, "a text file that can be read; " + e.getMessage());
    }
    List<Key> keys = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (!line.isEmpty()) {
        Matcher named = NAMED.matcher(line);
        boolean hasName = named.matches();
        byte[] key =
            bytes(option + ": " + file + ", line " + (i + 1), hasName ? named.group(2) : line);
        keys.add(new Key(hasName ? named.group(1) : "line-" + (i + 1), source.admin(), key));
      }
    }
    if (keys.isEmpty()) {
      throw EngineException.invalidArgument(
          option, file, "a key on at least one line; without the option none is needed");
    }
    return keys;
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
}
