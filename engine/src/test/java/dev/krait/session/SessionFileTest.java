package dev.krait.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SessionFileTest {
  private static final ModelFingerprint MODEL =
      new ModelFingerprint("sha256:11", "sha256:22", "exact on cpu");

  @TempDir private Path folder;

  private static SavedSession session(int tokens, int... partWords) {
    Random random = new Random(tokens);
    int[] ids = IntStream.range(0, tokens).map(i -> random.nextInt(5000)).toArray();
    List<float[]> parts =
        IntStream.of(partWords)
            .mapToObj(words -> {
              float[] part = new float[words];
              for (int i = 0; i < words; i++) {
                // Any bits: not-a-number with its payload, too.
                part[i] = Float.intBitsToFloat(random.nextInt());
              }
              return part;
            })
            .toList();
    return new SavedSession(MODEL, TokenIds.of(ids), parts);
  }

  private static void assertSame(SavedSession actual, SavedSession expected) {
    assertThat(actual.model()).isEqualTo(expected.model());
    assertThat(actual.tokens()).isEqualTo(expected.tokens());
    assertThat(actual.parts()).hasSameSizeAs(expected.parts());
    for (int i = 0; i < expected.parts().size(); i++) {
      assertThat(bits(actual.parts().get(i))).isEqualTo(bits(expected.parts().get(i)));
    }
  }

  private static int[] bits(float[] words) {
    return IntStream.range(0, words.length).map(i -> Float.floatToRawIntBits(words[i])).toArray();
  }

  @Test
  void whatIsReadIsWhatWasWritten() {
    for (SavedSession session :
        List.of(session(0), session(17, 5, 0, 1), session(3000, 70_000, 65_536, 200_001))) {
      Path file = folder.resolve("a.session");
      SessionFile.write(file, session);
      assertSame(SessionFile.read(file, MODEL), session);
    }
    assertThat(folder).isDirectoryContaining("glob:**/a.session");
    assertThat(folder.toFile().list()).hasSize(1);
  }

  @Test
  void aFileCutAtAnyByteIsRefused() throws IOException {
    Path file = folder.resolve("a.session");
    SessionFile.write(file, session(9, 12, 7));
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, java.util.Arrays.copyOf(whole, length));
      EngineException refused = refusal(file);
      assertThat(refused.code()).as("cut to %d", length).isEqualTo(ErrorCode.INVALID_ARGUMENT);
      assertThat(refused).hasMessageContaining("damaged").hasMessageContaining("(expected: ");
    }
    Files.write(file, java.util.Arrays.copyOf(whole, whole.length + 1));
    assertThat(refusal(file)).hasMessageContaining(whole.length + 1 + " bytes (expected: ");
  }

  @Test
  void aFileWithAnyByteChangedIsRefused() throws IOException {
    Path file = folder.resolve("a.session");
    SessionFile.write(file, session(9, 12, 7));
    byte[] whole = Files.readAllBytes(file);
    Random random = new Random(23);
    for (int at = 0; at < whole.length; at++) {
      for (int bit : new int[] {1 << random.nextInt(8), 1 + random.nextInt(255)}) {
        byte[] changed = whole.clone();
        changed[at] ^= (byte) bit;
        Files.write(file, changed);
        assertThat(refusal(file).code())
            .as("byte %d changed", at)
            .isEqualTo(ErrorCode.INVALID_ARGUMENT);
      }
    }
    Files.write(file, whole);
    assertSame(SessionFile.read(file, MODEL), session(9, 12, 7));
  }

  private static EngineException refusal(Path file) {
    return catchThrowableOfType(EngineException.class, () -> SessionFile.read(file, MODEL));
  }

  @Test
  void aSessionOfAnotherModelModeOrVersionIsRefusedNamingBoth() throws IOException {
    Path file = folder.resolve("a.session");
    SessionFile.write(file, session(9, 12));
    Stream.of(
            new ModelFingerprint("sha256:33", "sha256:22", "exact on cpu"),
            new ModelFingerprint("sha256:11", "sha256:33", "exact on cpu"),
            new ModelFingerprint("sha256:11", "sha256:22", "bf16 on cuda"))
        .forEach(served ->
            assertThatThrownBy(() -> SessionFile.read(file, served))
                .hasMessageContaining("saved with ")
                .hasMessageMatching(
                    ".*(weights|configuration) sha256:.*sha256:33, as served.*|.*numerics exact on cpu .expected: bf16 on cuda.*"));
    byte[] other = Files.readAllBytes(file);
    other[8] = 2;
    Files.write(file, other);
    assertThat(refusal(file)).hasMessageContaining("format version 2 (expected: format version 1)");
    Files.writeString(file, "not a session at all");
    assertThat(refusal(file)).hasMessageContaining("no session file (expected: KRAITSES)");
    Files.delete(file);
    assertThat(refusal(file).code()).isEqualTo(ErrorCode.NOT_FOUND);
  }

  @Test
  void aFullDiskLeavesTheOldFile() throws IOException {
    Configuration small =
        Configuration.unix().toBuilder().setMaxSize(1 << 20).setBlockSize(4096).build();
    try (FileSystem disk = Jimfs.newFileSystem(small)) {
      Path file = disk.getPath("/work/a.session");
      SavedSession old = session(100, 50_000);
      SessionFile.write(file, old);
      EngineException full =
          catchThrowableOfType(
              EngineException.class, () -> SessionFile.write(file, session(100, 400_000)));
      assertThat(full.code()).isEqualTo(ErrorCode.RESOURCE_EXHAUSTED);
      assertThat(full).hasMessageContaining("not saved").hasMessageContaining("1600400 bytes");
      assertSame(SessionFile.read(file, MODEL), old);
      try (Stream<Path> files = Files.list(file.getParent())) {
        assertThat(files).containsExactly(file);
      }
      SavedSession next = session(100, 60_000);
      SessionFile.write(file, next);
      assertSame(SessionFile.read(file, MODEL), next);
    }
  }

  @Test
  void aFolderThatIsMissingIsNamed() {
    Path file = folder.resolve("absent/a.session");
    assertThatThrownBy(() -> SessionFile.write(file, session(1)))
        .hasMessageContaining("a.session: not saved: NoSuchFileException (expected: ")
        .hasMessageContaining("a folder that can be written");
  }
}
