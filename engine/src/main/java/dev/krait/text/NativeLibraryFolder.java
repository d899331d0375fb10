package dev.krait.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Optional;

/// Where a native library is unpacked so that nobody else can put another one in its place.
///
/// A folder in the home of this user is kept for the next start. It is used only when it and
/// everything above it belong to this user or to root and nobody else may write there, and a
/// library that lies there only when it equals the one of the jar, byte for byte. Otherwise it is a
/// new folder among the temporary files, which [#remove] takes away when the library is loaded.
record NativeLibraryFolder(Path library, boolean kept) {
  private static final int WRITABLE_BY_OTHERS = 0022;
  private static final int STICKY = 01000;
  private static final int CHUNK = 1 << 16;

  /// Opens the library in the jar, anew for each call.
  @FunctionalInterface
  interface Source {
    InputStream open() throws IOException;
  }

  /// Unpacks a library.
  ///
  /// @param chosen the folder that the operator names, which then has to do; empty for the usual
  /// @param home home folder of this user
  /// @param fileName name of the library
  /// @throws IOException with the folder and the reason in its message
  static NativeLibraryFolder unpack(
      Optional<Path> chosen, Path home, String fileName, Source source) throws IOException {
    Path usual = home.resolve(".cache").resolve("krait");
    Path folder = chosen.map(path -> path.resolve("krait")).orElse(usual);
    try {
      if (chosen.isPresent() || (home.isAbsolute() && Files.isDirectory(home))) {
        return new NativeLibraryFolder(place(folder, fileName, source), true);
      }
    } catch (IOException e) {
      if (chosen.isPresent()) {
        throw failed(folder, e);
      }
    }
    Path temporary = Files.createTempDirectory("krait-");
    NativeLibraryFolder own = new NativeLibraryFolder(temporary.resolve(fileName), false);
    try {
      copy(source, own.library());
      return own;
    } catch (IOException e) {
      own.remove();
      throw failed(temporary, e);
    }
  }

  /// Removes a folder that is not kept; a library that is loaded stays loaded.
  void remove() throws IOException {
    if (!kept) {
      Files.deleteIfExists(library);
      Files.deleteIfExists(library.toAbsolutePath().getParent());
    }
  }

  private static Path place(Path folder, String fileName, Source source) throws IOException {
    Files.createDirectories(folder.getParent());
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectory(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    Path written = Files.createTempFile(folder, fileName, ".part");
    try {
      checkOwn(folder, (Integer) Files.getAttribute(written, "unix:uid"));
      Path library = folder.resolve(fileName);
      if (!Files.isRegularFile(library, LinkOption.NOFOLLOW_LINKS) || !equal(source, library)) {
        copy(source, written);
        Files.move(written, library, StandardCopyOption.ATOMIC_MOVE);
      }
      return library;
    } finally {
      Files.deleteIfExists(written);
    }
  }

  /// Checks that nobody but this user and root can change what lies in a folder.
  private static void checkOwn(Path folder, int user) throws IOException {
    Path real = folder.toRealPath();
    for (Path each = real; each != null; each = each.getParent()) {
      int owner = (Integer) Files.getAttribute(each, "unix:uid");
      int mode = (Integer) Files.getAttribute(each, "unix:mode");
      boolean shared = (mode & WRITABLE_BY_OTHERS) != 0;
      // Among temporary files others may add what they like but not rename what is ours.
      boolean harmless = !shared || (!each.equals(real) && (mode & STICKY) != 0);
      if ((owner != user && owner != 0) || (owner != user && each.equals(real)) || !harmless) {
        throw new IOException(each + " can be changed by another user");
      }
    }
  }

  private static boolean equal(Source source, Path library) throws IOException {
    try (InputStream expected = source.open();
        InputStream found = Files.newInputStream(library)) {
      byte[] there = new byte[CHUNK];
      byte[] here = new byte[CHUNK];
      int read;
      do {
        read = expected.readNBytes(there, 0, CHUNK);
        int same = found.readNBytes(here, 0, CHUNK);
        if (!Arrays.equals(there, 0, read, here, 0, same)) {
          return false;
        }
      } while (read > 0);
      return true;
    }
  }

  private static void copy(Source source, Path to) throws IOException {
    try (InputStream in = source.open()) {
      Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static IOException failed(Path folder, IOException reason) {
    return new IOException(
        "the tokenizer library cannot be unpacked to "
            + folder
            + " (expected: a folder with room that nobody else can change; ENGINE_CACHE_DIR names"
            + " another): "
            + reason,
        reason);
  }
}
