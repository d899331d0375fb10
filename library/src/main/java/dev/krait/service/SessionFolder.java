package dev.krait.service;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.session.SessionFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// The folder with the files of sessions: in it one folder for each key of the server, in that one
/// file for each session. Any thread.
public final class SessionFolder {
  private static final String SUFFIX = ".session";

  private final Path root;
  private final long maxBytes;
  private final int maxFiles;

  /// Opens the folder, and deletes what a process that was killed left unfinished.
  ///
  /// @param maxBytes most bytes of all files
  /// @param maxFiles most files
  /// @throws EngineException INVALID_ARGUMENT when it cannot be made
  public SessionFolder(Path root, long maxBytes, int maxFiles) {
    this.root = root;
    this.maxBytes = maxBytes;
    this.maxFiles = maxFiles;
    try {
      Files.createDirectories(root);
      for (Path left : all(file -> file.toString().endsWith(SessionFile.UNFINISHED))) {
        Files.deleteIfExists(left);
      }
    } catch (IOException failure) {
      throw EngineException.invalidArgument(
          "session-dir", root, "a folder that can be written; " + failure.getMessage());
    }
  }

  /// The file of a session, `key/id`; its folder exists.
  Path file(String name) {
    Path file = root.resolve(name + SUFFIX);
    try {
      Files.createDirectories(root.resolve(name).getParent());
    } catch (IOException failure) {
      throw unreadable(failure);
    }
    return file;
  }

  /// Bytes of the file of a session; 0 when there is none.
  long bytes(String name) {
    return size(root.resolve(name + SUFFIX));
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException absent) {
      return 0;
    }
  }

  /// Sessions that have a file, whose names begin so, in order.
  List<String> names(String prefix) {
    return saved().stream()
        .map(file -> root.relativize(file).toString().replace('\\', '/'))
        .map(name -> name.substring(0, name.length() - SUFFIX.length()))
        .filter(name -> name.startsWith(prefix))
        .sorted()
        .toList();
  }

  /// Deletes the file of a session.
  ///
  /// @return false when there was none
  boolean delete(String name) {
    try {
      return Files.deleteIfExists(root.resolve(name + SUFFIX));
    } catch (IOException failure) {
      throw unreadable(failure);
    }
  }

  /// Refuses a file that would be one too many, or too large beside the others.
  ///
  /// @throws EngineException RESOURCE_EXHAUSTED
  void requireRoom(String name, long bytes) {
    List<Path> others =
        saved().stream().filter(file -> !file.equals(root.resolve(name + SUFFIX))).toList();
    long taken = others.stream().mapToLong(SessionFolder::size).sum();
    if (others.size() >= maxFiles || taken + bytes > maxBytes) {
      throw new EngineException(
          ErrorCode.RESOURCE_EXHAUSTED,
          "session_id",
          "session_id: %d bytes beside %d files of %d bytes (expected: at most %d files of %d bytes; delete one)"
              .formatted(bytes, others.size(), taken, maxFiles, maxBytes));
    }
  }

  private List<Path> saved() {
    try {
      return all(file -> file.toString().endsWith(SUFFIX));
    } catch (IOException failure) {
      throw unreadable(failure);
    }
  }

  private List<Path> all(Predicate<Path> wanted) throws IOException {
    try (Stream<Path> files = Files.walk(root, 2)) {
      return files.filter(wanted).filter(Files::isRegularFile).toList();
    }
  }

  private static EngineException unreadable(IOException failure) {
    return new EngineException(
        ErrorCode.INTERNAL,
        "session-dir: %s (expected: a folder that can be read and written)"
            .formatted(failure.getClass().getSimpleName()),
        failure);
  }
}
