package dev.krait.cuda.driver;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.driver.JCudaDriver;

/// Loads JCuda's native library so that nobody else can put another one in its place.
///
/// Left alone, JCuda loads whatever file of the library's name lies among the temporary files, and
/// unpacks its own only where there is none. It looks for that folder in `java.io.tmpdir` each
/// time; while it loads, that is a new folder which only this user can enter.
final class DriverLibrary {
  private static final String TEMPORARY = "java.io.tmpdir";

  private DriverLibrary() {}

  /// Loads the library, once for the process.
  static void load() {
    Loaded.once();
  }

  /// Runs what unpacks and loads a library, with a folder of its own for temporary files.
  ///
  /// @throws UncheckedIOException when there is no room for that folder
  static void loadPrivately(Runnable loading) {
    String shared = System.getProperty(TEMPORARY);
    try {
      Path folder = Files.createTempDirectory("krait-");
      System.setProperty(TEMPORARY, folder.toString());
      try {
        loading.run();
      } finally {
        System.setProperty(TEMPORARY, shared);
        remove(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          TEMPORARY + ": " + shared + " has no room for JCuda's library", e);
    }
  }

  /// A library that is loaded stays loaded.
  private static void remove(Path folder) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  /// Its class initialiser loads the library.
  private static final class Loaded {
    static {
      loadPrivately(() -> JCudaDriver.setExceptionsEnabled(true));
    }

    private Loaded() {}

    static void once() {}
  }
}
