package dev.krait.checkpoint;

import static dev.krait.checkpoint.Named.named;
import static dev.krait.checkpoint.Refusals.refusalOf;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchZipFileTest {
  private static final byte[] ONE_TO_SIX =
      new LittleEndian()
          .number(4, Float.floatToIntBits(1))
          .number(4, Float.floatToIntBits(2))
          .number(4, Float.floatToIntBits(3))
          .number(4, Float.floatToIntBits(4))
          .number(4, Float.floatToIntBits(5))
          .number(4, Float.floatToIntBits(6))
          .toBytes();
  private static final byte[] PICKLE = PickleScript.stateDict(script -> script.vector("w", "0", 6));
  private static final byte[] DIRECTORY = {'P', 'K', 1, 2};

  @TempDir Path folder;
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void tensorsAreViewsOfTheFileAndMayShareAStorage() {
    byte[] pickle =
        PickleScript.stateDict(script ->
            script
                .tensor("all", TorchZipFileTest::six, 0, new long[] {2, 3}, new long[] {3, 1})
                .tensor("tail", TorchZipFileTest::six, 4, new long[] {2}, new long[] {1})
                .tensor("scalar", TorchZipFileTest::six, 1, new long[0], new long[0]));

    SortedMap<String, Tensor> tensors = map(pickle, ONE_TO_SIX);

    assertThat(named("all", tensors).shape()).isEqualTo(Shape.of(2, 3));
    assertThat(named("all", tensors).toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(named("tail", tensors).toFloats()).containsExactly(5, 6);
    assertThat(named("scalar", tensors).toFloats()).containsExactly(2);
    assertThat(named("tail", tensors).data().address())
        .isEqualTo(named("all", tensors).data().address() + 16);
    assertThat(named("all", tensors).data().isMapped()).isTrue();
    assertThat(named("all", tensors).data().isReadOnly()).isTrue();
  }

  @Test
  void stridesOfSingleRowsAndEmptyTensorsDoNotMatter() {
    byte[] pickle =
        PickleScript.stateDict(script ->
            script
                .tensor("row", TorchZipFileTest::six, 0, new long[] {1, 6}, new long[] {99, 1})
                .tensor("none", TorchZipFileTest::six, 6, new long[] {0, 3}, new long[] {1, 7}));

    SortedMap<String, Tensor> tensors = map(pickle, ONE_TO_SIX);

    assertThat(named("row", tensors).shape()).isEqualTo(Shape.of(1, 6));
    assertThat(named("none", tensors).shape()).isEqualTo(Shape.of(0, 3));
  }

  @Test
  void archiveOfMoreThanFourGigabytesIsMapped() {
    long elements = 5L << 28;
    byte[] pickle =
        PickleScript.stateDict(
            script -> script.vector("big", "0", elements).vector("after", "1", 6));
    Path file =
        new ZipScript(folder.resolve("big.bin"))
            .add("model/data.pkl", pickle)
            .addHole("model/data/0", 4 * elements)
            .add("model/data/1", ONE_TO_SIX)
            .end();

    SortedMap<String, Tensor> tensors = TorchZipFile.map(file, arena).tensors();

    assertThat(named("big", tensors).shape()).isEqualTo(Shape.of(elements));
    assertThat(named("big", tensors).floatAt(elements - 1)).isZero();
    assertThat(named("after", tensors).toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
  }

  @Test
  void archiveWithoutZip64RecordsIsRead() {
    Path file =
        new ZipScript(folder.resolve("small.bin"))
            .add("model/data.pkl", PICKLE)
            .add("model/data/0", ONE_TO_SIX)
            .endWithoutZip64();

    assertThat(named("w", TorchZipFile.map(file, arena).tensors()).floatAt(5)).isEqualTo(6);
  }

  @Test
  void bareLegacyPickleIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("old.bin"), PICKLE);

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("old.bin", "torch before 1.6");
  }

  @Test
  void fileThatIsNoArchiveIsRefused() throws IOException {
    Path text = Files.writeString(folder.resolve("t.bin"), "version https://git-lfs/spec/v1");
    Path empty = Files.write(folder.resolve("e.bin"), new byte[0]);

    refusalOf(() -> TorchZipFile.map(text, arena)).contains("t.bin", "unknown");
    refusalOf(() -> TorchZipFile.map(empty, arena)).contains("e.bin", "an empty file");
  }

  @Test
  void truncatedArchiveIsRefusedAtEveryLength() throws IOException {
    byte[] whole = Files.readAllBytes(ZipScript.archive(folder.resolve("m"), PICKLE, ONE_TO_SIX));
    for (int length = 0; length < whole.length; length++) {
      Path part = Files.write(folder.resolve("part" + length), Arrays.copyOf(whole, length));
      try (Arena each = Arena.ofConfined()) {
        refusalOf(() -> TorchZipFile.map(part, each)).contains("part" + length + ": ");
      }
    }
  }

  @Test
  void bytesAfterTheArchiveAreRefused() {
    patched(bytes -> Arrays.copyOf(bytes, bytes.length + 1)).contains("end record");
  }

  @Test
  void compressedTensorDataIsRefused() throws IOException {
    Path file = compressed(ONE_TO_SIX);

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("compression method 8", "stored");
  }

  @Test
  void zipBombIsRefusedBeforeItUnpacks() throws IOException {
    Path file = compressed(new byte[70 << 20]);

    assertThat(Files.size(file)).isLessThan(1 << 20);
    refusalOf(() -> TorchZipFile.map(file, arena)).contains("compression method 8");
  }

  @Test
  void hugePickleIsRefused() {
    Path file =
        new ZipScript(folder.resolve("huge.bin")).addHole("model/data.pkl", 65L << 20).end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("data.pkl: 68157440 bytes", "67108864");
  }

  @Test
  void encryptedEntryIsRefused() {
    patched(bytes -> put(bytes, find(bytes, DIRECTORY, 1) + 8, 1))
        .contains("flags 2049", "not encrypted");
  }

  @Test
  void entryInsideAnotherIsRefused() {
    byte[] inner =
        new LittleEndian().raw(ZipScript.localHeader("model/data/1", 4)).raw(new byte[4]).toBytes();
    ZipScript zip = new ZipScript(folder.resolve("nested.bin")).add("model/data.pkl", PICKLE);
    long outer = zip.position() + ZipScript.localHeader("model/data/0", 0).length;
    Path file = zip.add("model/data/0", inner).list("model/data/1", 4, outer).end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("zip entry model/data/1", "no overlap");
  }

  @Test
  void twoEntriesOfOneLocalHeaderAreRefused() {
    ZipScript zip = new ZipScript(folder.resolve("twice.bin")).add("model/data.pkl", PICKLE);
    Path file = zip.list("model/data.pkl", PICKLE.length, 0).end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("model/data.pkl", "no overlap");
  }

  @Test
  void entryNamedTwiceIsRefused() {
    ZipScript zip = new ZipScript(folder.resolve("twice.bin")).add("model/data.pkl", PICKLE);
    Path file = zip.add("model/data.pkl", PICKLE).end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("model/data.pkl: twice");
  }

  @Test
  void localHeaderWithAnotherNameIsRefused() {
    patched(bytes -> put(bytes, 30, 'x')).contains("model/data.pkl: another local header");
  }

  @Test
  void localHeaderElsewhereIsRefused() {
    patched(bytes -> put(bytes, find(bytes, DIRECTORY, 0) + 42, 1))
        .contains("no local header at byte 1");
  }

  @Test
  void sizesThatDisagreeAreRefused() {
    patched(bytes -> put(bytes, find(bytes, DIRECTORY, 0) + 20, 7)).contains("equal sizes");
  }

  @Test
  void dataBeyondTheDirectoryIsRefused() {
    Path file =
        new ZipScript(folder.resolve("long.bin"))
            .add("model/data.pkl", PICKLE)
            .list("model/data/0", 1L << 40, 0)
            .end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("long.bin: zip entry");
  }

  @Test
  void directoryCountThatLiesIsRefused() {
    patched(bytes -> put(bytes, bytes.length - 22 + 10, 3)).contains("zip directory");
    patched(bytes -> put(bytes, bytes.length - 22 - 20 - 56 + 32, 99)).contains("zip directory");
  }

  @Test
  void directoryElsewhereIsRefused() {
    patched(bytes -> put(bytes, bytes.length - 22 - 20 - 56 + 48, 1)).contains("zip directory");
    patched(bytes -> put(bytes, bytes.length - 22 - 20 + 15, 0x80)).contains("zip64 end record");
  }

  @Test
  void archiveWithoutOnePickleIsRefused() {
    Path none = new ZipScript(folder.resolve("none.bin")).add("model/x", PICKLE).end();
    Path two =
        new ZipScript(folder.resolve("two.bin"))
            .add("a/data.pkl", PICKLE)
            .add("b/data.pkl", PICKLE)
            .end();

    refusalOf(() -> TorchZipFile.map(none, arena)).contains("data.pkl: 0 entries");
    refusalOf(() -> TorchZipFile.map(two, arena)).contains("data.pkl: 2 entries");
  }

  @Test
  void bigEndianFileIsRefused() {
    Path file =
        new ZipScript(folder.resolve("big.bin"))
            .add("model/data.pkl", PICKLE)
            .add("model/byteorder", "big".getBytes(StandardCharsets.US_ASCII))
            .add("model/data/0", ONE_TO_SIX)
            .end();

    refusalOf(() -> TorchZipFile.map(file, arena)).contains("byteorder: big", "little");
  }

  @Test
  void pickleThatCallsOsSystemIsRefusedAndNotRun() {
    Path proof = folder.resolve("proof");
    byte[] pickle =
        PickleScript.start()
            .global("os", "system")
            .text("touch " + proof)
            .op(PickleOpcode.TUPLE1)
            .op(PickleOpcode.REDUCE)
            .stop();

    refusal(pickle, ONE_TO_SIX).contains("global: os.system");
    assertThat(proof).doesNotExist();
  }

  @Test
  void storageThatIsMissingIsRefused() {
    refusal(PickleScript.stateDict(script -> script.vector("w", "../0", 6)), ONE_TO_SIX)
        .contains("tensor w: storage data/../0: missing");
  }

  @Test
  void storageOfAnotherSizeIsRefused() {
    refusal(PICKLE, new byte[23]).contains("tensor w: storage data/0: 23 bytes", "6 elements");
    refusal(PICKLE, new byte[28]).contains("28 bytes");
    byte[] huge = PickleScript.stateDict(script -> script.vector("w", "0", 1L << 62));
    refusal(huge, ONE_TO_SIX).contains("4611686018427387904 elements of F32");
  }

  @Test
  void stridesThatAreNotRowMajorAreRefused() {
    for (long[] strides : new long[][] {{1, 2}, {3, 2}, {0, 0}, {-3, 1}, {3}}) {
      tensorRefusal(0, new long[] {2, 3}, strides).contains("tensor t: strides: [");
    }
  }

  @Test
  void offsetOutsideTheStorageIsRefused() {
    for (long offset : new long[] {-1, 5, Long.MIN_VALUE, Long.MAX_VALUE}) {
      tensorRefusal(offset, new long[] {2}, new long[] {1})
          .contains("tensor t: storage_offset: " + offset);
    }
  }

  @Test
  void shapeLargerThanTheStorageIsRefused() {
    tensorRefusal(0, new long[] {7}, new long[] {1}).contains("tensor t: storage_offset: 0", "[7]");
  }

  @Test
  void negativeDimensionIsRefused() {
    tensorRefusal(0, new long[] {-6}, new long[] {1}).contains("tensor t: shape: [-6]");
  }

  @Test
  void shapeThatOverflowsIsRefused() {
    long[] dims = {1L << 32, 1L << 32, 6};
    tensorRefusal(0, dims, new long[] {6L << 32, 6, 1}).contains("tensor t: shape: [4294967296");
  }

  private static void six(PickleScript script) {
    script.storage("FloatStorage", "0", 6);
  }

  private AbstractStringAssert<?> tensorRefusal(long offset, long[] dims, long[] strides) {
    byte[] pickle =
        PickleScript.stateDict(
            script -> script.tensor("t", TorchZipFileTest::six, offset, dims, strides));
    return refusal(pickle, ONE_TO_SIX);
  }

  private SortedMap<String, Tensor> map(byte[] pickle, byte[] data) {
    Path file = ZipScript.archive(folder.resolve("m.bin"), pickle, data);
    return TorchZipFile.map(file, arena).tensors();
  }

  private AbstractStringAssert<?> refusal(byte[] pickle, byte[] data) {
    return refusalOf(() -> map(pickle, data)).contains("m.bin: ");
  }

  private interface Patch {
    byte[] apply(byte[] bytes);
  }

  private AbstractStringAssert<?> patched(Patch patch) {
    return refusalOf(
            () -> {
              Path file = ZipScript.archive(folder.resolve("p.bin"), PICKLE, ONE_TO_SIX);
              byte[] bytes = patch.apply(Files.readAllBytes(file));
              TorchZipFile.map(Files.write(folder.resolve("p2.bin"), bytes), arena);
            })
        .contains("p2.bin: ");
  }

  private static byte[] put(byte[] bytes, int offset, int value) {
    bytes[offset] = (byte) value;
    return bytes;
  }

  private static int find(byte[] bytes, byte[] signature, int skip) {
    int left = skip;
    for (int i = 0; i + signature.length <= bytes.length; i++) {
      if (Arrays.equals(bytes, i, i + signature.length, signature, 0, signature.length)
          && left-- == 0) {
        return i;
      }
    }
    throw new IllegalArgumentException("no such signature");
  }

  private Path compressed(byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(new ZipEntry("model/data.pkl"));
      zip.write(content);
      zip.closeEntry();
    }
    return Files.write(folder.resolve("compressed.bin"), bytes.toByteArray());
  }
}
