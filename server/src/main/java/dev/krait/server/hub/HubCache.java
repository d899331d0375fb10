package dev.krait.server.hub;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The folders of the Python client's cache:
///
/// ```
/// models--OWNER--NAME/refs/main              the commit that a branch had
///                     snapshots/COMMIT/FILE  a link to ../../blobs/ETAG
///                     blobs/ETAG             the content
///                     .no_exist/COMMIT/FILE  empty: the commit has no such file
/// .locks/models--OWNER--NAME/ETAG.lock       held while a blob is written
/// ```
///
/// A blob gets its name only when it is whole, by renaming, so that readers and writers of several
/// programs need no lock between them; the lock keeps two processes from downloading it twice.
final class HubCache {
  private static final String PREFIX = "models--";
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern ETAG = Pattern.compile("\\w[\\w.+=-]{0,200}");

  private final Path root;

  HubCache(Path root) {
    this.root = root;
  }

  private static String folderName(ModelName name) {
    return PREFIX + name.id().replace("/", "--");
  }

  Path folder(ModelName name) {
    return root.resolve(folderName(name));
  }

  Path snapshot(ModelName name, String commit) {
    return folder(name).resolve("snapshots").resolve(requireCommit(commit));
  }

  static String requireCommit(String commit) {
    if (!COMMIT.matcher(commit).matches()) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "commit: " + EngineException.shown(commit) + " (expected: 40 hexadecimal digits)");
    }
    return commit;
  }

  /// The commit that a revision had when it was last looked up; empty when it never was.
  Optional<String> commit(ModelName name) {
    Path ref = folder(name).resolve("refs").resolve(name.revision());
    String commit = name.revision();
    try {
      commit = Files.readString(ref).strip();
    } catch (IOException none) {
      // Then the revision may be a commit.
    }
    return COMMIT.matcher(commit).matches() && Files.isDirectory(snapshot(name, commit))
        ? Optional.of(commit)
        : Optional.empty();
  }

  /// Writes down which commit a revision has.
  void putCommit(ModelName name, String commit) throws IOException {
    if (name.revision().equals(commit)) {
      return;
    }
    Path ref = folder(name).resolve("refs").resolve(name.revision());
    Files.createDirectories(ref.resolveSibling(""));
    Path part = part(name);
    Files.writeString(part, commit);
    Files.move(part, ref, StandardCopyOption.ATOMIC_MOVE);
  }

  /// A new name; a file of the JDK's own making could be read by this user alone.
  private Path part(ModelName name) {
    return folder(name).resolve(UUID.randomUUID() + ".krait.incomplete");
  }

  /// Where the content with an etag lies, or will.
  Path blob(ModelName name, String etag) {
    if (!ETAG.matcher(etag).matches()) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "etag: " + EngineException.shown(etag) + " (expected: a name that a file can have)");
    }
    return folder(name).resolve("blobs").resolve(etag);
  }

  /// Lets a file of a commit be a blob: a link, or a copy where the file system has no links.
  void link(ModelName name, String commit, String file, Path blob) throws IOException {
    Path link = snapshot(name, commit).resolve(file);
    Path beside = link.resolveSibling("");
    Files.createDirectories(beside);
    if (Files.isSymbolicLink(link) && !Files.exists(link)) {
      Files.delete(link);
    }
    try {
      Files.createSymbolicLink(link, beside.relativize(blob));
    } catch (FileAlreadyExistsException there) {
      // Content of a commit does not change.
    } catch (UnsupportedOperationException | FileSystemException noLinks) {
      Path part = part(name);
      Files.copy(blob, part);
      Files.move(part, link, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /// Remembers that a commit has no such file.
  void putAbsent(ModelName name, String commit, String file) throws IOException {
    Path marker = marker(name, commit, file);
    Files.createDirectories(marker.resolveSibling(""));
    if (!Files.exists(marker)) {
      Files.createFile(marker);
    }
  }

  private Path marker(ModelName name, String commit, String file) {
    return folder(name).resolve(".no_exist").resolve(commit).resolve(file);
  }

  /// Whether a file of a commit is here, or known not to be anywhere.
  boolean knows(ModelName name, String commit, String file) {
    return Files.exists(snapshot(name, commit).resolve(file))
        || Files.exists(marker(name, commit, file));
  }

  /// The lock under which a blob is written; closing the channel frees it.
  FileChannel lock(ModelName name, String etag) throws IOException {
    Path file = root.resolve(".locks").resolve(folderName(name)).resolve(etag + ".lock");
    Files.createDirectories(file.resolveSibling(""));
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      var _ = channel.lock();
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /// Bytes that the cache can still take.
  long room() throws IOException {
    Files.createDirectories(root);
    return Files.getFileStore(root).getUsableSpace();
  }

  /// Names of the models that are here, with their branches and tags, or commits that have none.
  List<ModelName> names() {
    List<ModelName> names = new ArrayList<>();
    for (Path folder : inside(root)) {
      String id = folder.getFileName().toString();
      if (id.startsWith(PREFIX)) {
        addNames(folder, id.substring(PREFIX.length()).replaceFirst("--", "/"), names);
      }
    }
    return names;
  }

  private void addNames(Path folder, String id, List<ModelName> names) {
    Set<String> named = new HashSet<>();
    Path refs = folder.resolve("refs");
    for (Path ref : revisions(refs)) {
      ModelName name = new ModelName(id, refs.relativize(ref).toString());
      commit(name)
          .ifPresent(commit -> {
            named.add(commit);
            names.add(name);
          });
    }
    for (Path snapshot : inside(folder.resolve("snapshots"))) {
      String commit = snapshot.getFileName().toString();
      if (!named.contains(commit)) {
        names.add(new ModelName(id, commit));
      }
    }
  }

  private static List<Path> revisions(Path refs) {
    try (Stream<Path> all = Files.walk(refs)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException none) {
      return List.of();
    }
  }

  private static List<Path> inside(Path folder) {
    try (Stream<Path> all = Files.list(folder)) {
      return all.sorted().toList();
    } catch (NoSuchFileException none) {
      return List.of();
    } catch (IOException e) {
      throw new EngineException(ErrorCode.NOT_FOUND, folder + ": " + e.getMessage(), e);
    }
  }
}
