package dev.krait.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import jcuda.LibUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DriverLibraryTest {
  private static final String TEMPORARY = "java.io.tmpdir";

  private static Path temporary() {
    return Path.of(System.getProperty(TEMPORARY));
  }

  @Test
  void whatLoadsSeesAFolderThatOnlyThisUserCanEnterAndItIsGoneAfterwards() {
    Path shared = temporary();
    List<Path> seen = new ArrayList<>();
    DriverLibrary.loadPrivately(() -> {
      seen.add(temporary());
      try {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(temporary())))
            .isEqualTo("rwx------");
        Files.writeString(temporary().resolve("library.so"), "unpacked");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
    assertThat(seen.getFirst()).isNotEqualTo(shared).doesNotExist();
    assertThat(temporary()).isEqualTo(shared);
  }

  @Test
  void theFolderIsGoneWhenTheLibraryCannotBeLoaded() {
    Path shared = temporary();
    List<Path> seen = new ArrayList<>();
    assertThatThrownBy(() ->
            DriverLibrary.loadPrivately(() -> {
              seen.add(temporary());
              throw new UnsatisfiedLinkError("none");
            }))
        .isInstanceOf(UnsatisfiedLinkError.class);
    assertThat(seen.getFirst()).doesNotExist();
    assertThat(temporary()).isEqualTo(shared);
  }

  @Test
  void jcudaDoesNotTakeALibraryThatLiesAmongTheTemporaryFiles(@TempDir Path shared)
      throws IOException {
    String name = LibUtils.createPlatformLibraryName("JNvrtc-12.6.0");
    Files.writeString(shared.resolve(LibUtils.createLibraryFileName(name)), "another user's");
    String before = System.getProperty(TEMPORARY);
    System.setProperty(TEMPORARY, shared.toString());
    try {
      assertThatThrownBy(() -> LibUtils.loadLibrary(name)).hasMessageContaining("file too short");
      Throwable failure =
          catchThrowable(() -> DriverLibrary.loadPrivately(() -> LibUtils.loadLibrary(name)));
      assertThat(String.valueOf(failure)).doesNotContain("file too short");
    } finally {
      System.setProperty(TEMPORARY, before);
    }
  }
}
