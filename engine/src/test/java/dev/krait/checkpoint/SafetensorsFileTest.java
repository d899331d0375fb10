package dev.krait.checkpoint;

import static dev.krait.checkpoint.Named.named;
import static dev.krait.checkpoint.Refusals.refusalOf;
import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SortedMap;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
  private static final String A = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
  private static final String B =
      "\"b\":{\"dtype\":\"I16\",\"shape\":[1,3],\"data_offsets\":[8,14]}";

  @TempDir Path folder;
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void tensorsAreViewsOfTheFile() throws IOException {
    byte[] data = new LittleEndian().number(4, 0).number(4, 0x3FC00000).number(6, 7).toBytes();

    SortedMap<String, Tensor> tensors = map("{" + B + "," + A + "}  ", data);

    assertThat(tensors.keySet()).containsExactly("a", "b");
    assertThat(named("a", tensors).toFloats()).containsExactly(0f, 1.5f);
    assertThat(named("b", tensors).dtype()).isEqualTo(DType.I16);
    assertThat(named("b", tensors).shape()).isEqualTo(Shape.of(1, 3));
    assertThat(tensors.values())
        .allSatisfy(tensor -> assertThat(tensor.data().isMapped()).isTrue())
        .allSatisfy(tensor -> assertThat(tensor.data().isReadOnly()).isTrue());
  }

  @Test
  void scalarsEmptyTensorsAndMetadataAreFine() throws IOException {
    SortedMap<String, Tensor> tensors =
        map(
            "{\"__metadata__\":{\"format\":\"pt\"},"
                + entry("none", "F32", "[0,5]", "[0,0]")
                + ","
                + entry("one", "BOOL", "[]", "[0,1]")
                + "}",
            new byte[1]);

    assertThat(named("none", tensors).data().byteSize()).isZero();
    assertThat(named("one", tensors).shape().rank()).isZero();
  }

  @Test
  void moreThanFourGigabytesAreOneTensor() throws IOException {
    long elements = 5L << 28;
    String header =
        "{" + entry("big", "F32", "[" + elements + "]", "[0," + 4 * elements + "]") + "}";
    Path file = write(header, new byte[0]);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(
          ByteBuffer.wrap(new byte[] {0, 0, (byte) 0x80, 0x3F}),
          8 + header.length() + 4 * (elements - 1));
    }

    Tensor big = named("big", SafetensorsFile.map(file, arena).tensors());

    assertThat(big.shape()).isEqualTo(Shape.of(elements));
    assertThat(big.floatAt(elements - 1)).isEqualTo(1f);
    assertThat(big.floatAt(elements - 2)).isZero();
  }

  @Test
  void fileShorterThanItsHeaderLengthIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("short.safetensors"), new byte[] {1, 2, 3});

    refusalOf(() -> SafetensorsFile.map(file, arena)).contains("short.safetensors", "3 bytes");
  }

  @Test
  void emptyFileIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("empty.safetensors"), new byte[0]);

    refusalOf(() -> SafetensorsFile.map(file, arena)).contains("empty.safetensors", "0 bytes");
  }

  @Test
  void missingFileIsRefused() {
    refusalOf(() -> SafetensorsFile.map(folder.resolve("gone"), arena)).contains("gone", "missing");
  }

  @Test
  void headerLengthBeyondTheFileIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("f"), lengthAnd(1000, "{}"));

    refusalOf(() -> SafetensorsFile.map(file, arena)).contains("header: 1000 bytes", "at most 2");
  }

  @Test
  void headerLengthOfTwoToThe64IsRefused() throws IOException {
    Path file = Files.write(folder.resolve("f"), lengthAnd(-1, "{}"));

    refusalOf(() -> SafetensorsFile.map(file, arena)).contains("18446744073709551615 bytes");
  }

  @Test
  void headerOfMoreThanOneHundredMegabytesIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("f"), lengthAnd(100_000_001, "{}"));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), 200_000_000);
    }

    refusalOf(() -> SafetensorsFile.map(file, arena))
        .contains("header: 100000001 bytes", "at most 100000000");
  }

  @Test
  void headerThatIsNotJsonIsRefusedWithItsPosition() {
    refusal("{\n\"a\": oops}", 0).contains("header at line 2, column");
  }

  @Test
  void headerThatIsNoObjectIsRefused() {
    refusal("[1]", 0).contains("header: [", "a JSON object");
  }

  @Test
  void emptyHeaderIsRefused() {
    refusal("", 0).contains("header: nothing");
  }

  @Test
  void headerThatStopsEarlyIsRefused() {
    refusal("{" + A + ",", 8).contains("header at line 1");
  }

  @Test
  void textAfterTheHeaderObjectIsRefused() {
    refusal("{" + A + "} {}", 8).contains("nothing after the JSON object");
  }

  @Test
  void headerInAnotherEncodingIsRefused() throws IOException {
    byte[] header = ("{" + A + "}").getBytes(StandardCharsets.UTF_16LE);
    Path file =
        Files.write(
            folder.resolve("f"),
            new LittleEndian().number(8, header.length).raw(header).raw(new byte[8]).toBytes());

    refusalOf(() -> SafetensorsFile.map(file, arena)).contains("header");
  }

  @Test
  void deepNestingIsRefused() {
    refusal("{\"a\":" + "[".repeat(200_000), 0).contains("tensor a");
    refusal("{\"__metadata__\":{\"x\":" + "[".repeat(200_000), 0).contains("__metadata__");
    refusal("{\"a\":{\"dtype\":\"F32\",\"shape\":" + "[".repeat(200_000), 0)
        .contains("tensor a: shape");
  }

  @Test
  void tensorNamedTwiceIsRefused() {
    refusal("{" + A + "," + A.replace("[0,8]", "[8,16]") + "}", 16).contains("tensor a: twice");
  }

  @Test
  void halvesOfCharactersAreRefused() throws IOException {
    refusal("{" + A.replace("\"a\"", "\"a\\ud800\"") + "}", 8)
        .contains("tensor a?: ")
        .contains("a name in Unicode");
    refusal("{\"__metadata__\":{\"\\udc00\":\"pt\"}," + A + "}", 8).contains("names in Unicode");
    refusal("{\"__metadata__\":{\"format\":\"\\ud800\"}," + A + "}", 8)
        .contains("strings in Unicode");
    map("{" + A.replace("\"a\"", "\"\\ud83d\\ude00\"") + "}", new byte[8]);
  }

  @Test
  void keyGivenTwiceIsRefused() {
    refusal("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0).contains("tensor a: dtype");
  }

  @Test
  void unknownKeyIsRefused() {
    refusal("{\"a\":{\"dtype\":\"F32\",\"strides\":[1]}}", 0).contains("tensor a: strides");
  }

  @Test
  void incompleteTensorIsRefused() {
    refusal("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8).contains("tensor a: incomplete");
  }

  @Test
  void unknownDtypeIsRefused() {
    refusal("{" + entry("a", "F8_E4M3", "[8]", "[0,8]") + "}", 8)
        .contains("tensor a: dtype: F8_E4M3", "BF16");
  }

  @Test
  void negativeDimensionIsRefused() {
    refusal("{" + entry("a", "F32", "[-2,-1]", "[0,8]") + "}", 8)
        .contains("tensor a: shape: [-2, -1]");
  }

  @Test
  void shapeWhoseProductOverflowsIsRefused() {
    String shape = "[4294967296,4294967296,4294967298]";
    refusal("{" + entry("a", "F32", shape, "[0,8]") + "}", 8)
        .contains("tensor a: shape: [4294967296, 4294967296, 4294967298]");
  }

  @Test
  void shapeWhoseBytesOverflowIsRefused() {
    refusal("{" + entry("a", "F32", "[4611686018427387906]", "[0,8]") + "}", 8)
        .contains("tensor a: shape: [4611686018427387906]");
  }

  @Test
  void dimensionBeyond64BitsIsRefused() {
    refusal("{" + entry("a", "F32", "[18446744073709551618]", "[0,8]") + "}", 8)
        .contains("tensor a: shape: 18446744073709551618");
  }

  @Test
  void fractionalAndTextualDimensionsAreRefused() {
    refusal("{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8).contains("tensor a: shape: 2.0");
    refusal("{" + entry("a", "F32", "[\"2\"]", "[0,8]") + "}", 8).contains("tensor a: shape: 2 (");
  }

  @Test
  void oneThousandDimensionsAreRefused() {
    String shape = "[" + "1,".repeat(999) + "1]";
    refusal("{" + entry("a", "F32", shape, "[0,4]") + "}", 4).contains("at most 64 integers");
  }

  @Test
  void sizeThatDisagreesWithShapeIsRefused() {
    refusal("{" + entry("a", "F32", "[3]", "[0,8]") + "}", 8)
        .contains("tensor a: data_offsets: [0, 8]", "12 bytes for F32 [3]");
  }

  @Test
  void offsetsOutsideTheFileAreRefused() {
    refusal("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 7)
        .contains("tensor a: data_offsets: [0, 8]", "7 bytes of data");
  }

  @Test
  void offsetsBelowZeroOrBackwardsAreRefused() {
    refusal("{" + entry("a", "F32", "[2]", "[-8,0]") + "}", 8).contains("[-8, 0]");
    refusal("{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8).contains("[8, 0]");
  }

  @Test
  void oneOffsetIsRefused() {
    refusal("{" + entry("a", "F32", "[2]", "[8]") + "}", 8).contains("tensor a: [8]");
  }

  @Test
  void overlappingTensorsAreRefused() {
    refusal("{" + A + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12)
        .contains("tensor b: data_offsets: [4, 12]", "begin at 8, where tensor a ends");
  }

  @Test
  void tensorsWithAGapBetweenAreRefused() {
    refusal("{" + A + "," + entry("b", "F32", "[1]", "[12,16]") + "}", 16)
        .contains("tensor b: data_offsets: [12, 16]", "begin at 8");
  }

  @Test
  void bytesAfterTheLastTensorAreRefused() {
    refusal("{" + A + "}", 9).contains("data: 9 bytes", "8 bytes, where tensor a ends");
  }

  @Test
  void namesInMessagesAreClippedAndFreeOfControlCharacters() {
    String name = "x\\u001b[31m\\n" + "y".repeat(5000);
    refusal("{" + entry(name.substring(0, 900), "F9", "[1]", "[0,4]") + "}", 4)
        .contains("tensor x?[31m?yyy")
        .hasSizeLessThan(600);
  }

  private static String entry(String name, String dtype, String shape, String offsets) {
    return "\""
        + name
        + "\":{\"dtype\":\""
        + dtype
        + "\",\"shape\":"
        + shape
        + ",\"data_offsets\":"
        + offsets
        + "}";
  }

  private static byte[] lengthAnd(long length, String header) {
    return new LittleEndian().number(8, length).text(header).toBytes();
  }

  private Path write(String header, byte[] data) throws IOException {
    byte[] encoded = header.getBytes(StandardCharsets.UTF_8);
    return Files.write(
        folder.resolve("f.safetensors"),
        new LittleEndian().number(8, encoded.length).raw(encoded).raw(data).toBytes());
  }

  private SortedMap<String, Tensor> map(String header, byte[] data) throws IOException {
    return SafetensorsFile.map(write(header, data), arena).tensors();
  }

  private AbstractStringAssert<?> refusal(String header, int dataBytes) {
    return refusalOf(() -> map(header, new byte[dataBytes])).contains("f.safetensors: ");
  }
}
