package dev.krait.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryFolderTest {
  private static final String CODE = "code ".repeat(40_000);

  @TempDir Path home;

  private NativeLibraryFolder unpack(Optional<Path> chosen) throws IOException {
    return NativeLibraryFolder.unpack(
        chosen,
        home,
        "lib.so",
        () -> new ByteArrayInputStream(CODE.getBytes(StandardCharsets.US_ASCII)));
  }

  @Test
  void theFolderInTheHomeIsForThisUserAloneAndKept() throws IOException {
    NativeLibraryFolder folder = unpack(Optional.empty());
    assertThat(folder.library()).isEqualTo(home.resolve(".cache/krait/lib.so")).hasContent(CODE);
    assertThat(Files.getPosixFilePermissions(home.resolve(".cache/krait")))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));
    folder.remove();
    assertThat(folder.library()).exists();
    assertThat(unpack(Optional.empty())).isEqualTo(folder);
    assertThat(home.resolve(".cache/krait")).isDirectoryNotContaining("glob:**.part");
  }

  @Test
  void anotherLibraryInThatFolderIsReplaced() throws IOException {
    Path library = unpack(Optional.empty()).library();
    for (String other : new String[] {"", "evil", CODE + "x", CODE.replace('d', 'x')}) {
      Files.writeString(library, other);
      assertThat(unpack(Optional.empty()).library()).hasContent(CODE);
    }
    Path elsewhere = Files.writeString(home.resolve("elsewhere"), CODE);
    Files.delete(library);
    Files.createSymbolicLink(library, elsewhere);
    assertThat(unpack(Optional.empty()).library()).isRegularFile().isEqualTo(library);
    assertThat(Files.isSymbolicLink(library)).isFalse();
  }

  @Test
  void aFolderThatOthersCanChangeIsNotUsed() throws IOException {
    Path cache = Files.createDirectory(home.resolve(".cache"));
    Path folder = Files.createDirectory(cache.resolve("krait"));
    for (Path open : new Path[] {folder, cache}) {
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
      NativeLibraryFolder other = unpack(Optional.empty());
      assertThat(other.kept()).isFalse();
      assertThat(other.library().startsWith(home)).isFalse();
      assertThat(other.library()).hasContent(CODE);
      assertThat(Files.getPosixFilePermissions(other.library().getParent()))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
      other.remove();
      assertThat(other.library().getParent()).doesNotExist();
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwx------"));
    }
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFolderBehindALinkIsNotUsed() throws IOException {
    Path cache = Files.createDirectory(home.resolve(".cache"));
    Files.createSymbolicLink(cache.resolve("krait"), Files.createDirectory(home.resolve("other")));
    NativeLibraryFolder other = unpack(Optional.empty());
    assertThat(other.kept()).isFalse();
    other.remove();
  }

  @Test
  void aHomeThatDoesNotExistIsNotMade() throws IOException {
    Path missing = home.resolve("missing");
    NativeLibraryFolder other =
        NativeLibraryFolder.unpack(
            Optional.empty(), missing, "lib.so", () -> new ByteArrayInputStream(new byte[1]));
    assertThat(other.kept()).isFalse();
    assertThat(missing).doesNotExist();
    other.remove();
  }

  @Test
  void aChosenFolderThatDoesNotDoIsNamed() throws IOException {
    Path file = Files.writeString(home.resolve("file"), "");
    assertThatThrownBy(() -> unpack(Optional.of(file)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("ENGINE_CACHE_DIR");
    Path open = Files.createDirectory(home.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> unpack(Optional.of(open)))
        .hasMessageContaining(open + " can be changed by another user");
  }
}
