package dev.krait.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Thousands of damaged files of each format: each is read or refused, and nothing else happens.
@Tag("slow")
class MutatedFilesTest {
  private static final int FILES = 3000;
  private static final long SEED = 20_240_817;

  @TempDir Path folder;

  private interface Reader {
    /// Opens a file and reads every byte it gives.
    void read(Path file) throws IOException;
  }

  @Test
  void damagedSafetensorsAreReadOrRefused() throws IOException {
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
            + "\"b.weight\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
            + "\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]}}";
    byte[] valid =
        new LittleEndian().number(8, header.length()).text(header).raw(new byte[40]).toBytes();

    assertReadOrRefused(
        valid,
        file -> {
          try (Arena arena = Arena.ofConfined()) {
            touch(SafetensorsFile.map(file, arena).tensors().values());
          }
        });
  }

  @Test
  void damagedTorchArchivesAreReadOrRefused() throws IOException {
    byte[] pickle =
        PickleScript.stateDict(script ->
            script
                .vector("a.weight", "0", 6)
                .tensor(
                    "b.weight",
                    storage -> storage.storage("FloatStorage", "0", 6),
                    2,
                    new long[] {2, 2},
                    new long[] {2, 1}));
    byte[] valid =
        Files.readAllBytes(ZipScript.archive(folder.resolve("valid"), pickle, new byte[24]));

    assertReadOrRefused(
        valid,
        file -> {
          try (Arena arena = Arena.ofConfined()) {
            touch(TorchZipFile.map(file, arena).tensors().values());
          }
        });
  }

  @Test
  void damagedPicklesAreReadOrRefused() throws IOException {
    byte[] valid = PickleScript.stateDict(script -> script.vector("a", "0", 6).vector("b", "1", 2));

    assertReadOrRefused(
        valid, file -> StateDictPickle.read(file, MemorySegment.ofArray(Files.readAllBytes(file))));
  }

  @Test
  void damagedIndexesAreReadOrRefused() throws IOException {
    byte[] valid =
        new LittleEndian()
            .text("{\"metadata\":{\"total_size\":40},\"weight_map\":{")
            .text("\"a.weight\":\"model-1.safetensors\",\"b\":\"model-2.safetensors\"}}")
            .toBytes();

    assertReadOrRefused(valid, ShardIndex::read);
  }

  @Test
  void damagedConfigurationsAreReadOrRefused() throws IOException {
    byte[] valid =
        new LittleEndian()
            .text("{\"n\": 12, \"eps\": 1e-05, \"limit\": [0.0, Infinity], \"o\": {\"t\": \"x\"}}")
            .toBytes();

    assertReadOrRefused(
        valid,
        file -> {
          CheckpointConfig config = CheckpointConfig.read(file);
          config.positiveInt("n", 1);
          config.number("eps", 1);
          config.intOrInts("limit");
          config.object("o").ifPresent(nested -> nested.text("t"));
        });
  }

  private void assertReadOrRefused(byte[] valid, Reader reader) throws IOException {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(SEED);
    int refused = 0;
    for (int i = 0; i < FILES; i++) {
      byte[] damaged = damage(valid, random);
      // A new file each time: some file systems flush one that is written over.
      Path file = Files.write(folder.resolve("damaged-" + i), damaged);
      try {
        reader.read(file);
      } catch (EngineException refusal) {
        assertThat(refusal.code()).isEqualTo(ErrorCode.INVALID_CHECKPOINT);
        refused++;
      } catch (RuntimeException failure) {
        throw new AssertionError(
            "seed " + SEED + ", file " + i + ": " + Arrays.toString(damaged), failure);
      }
      Files.delete(file);
    }
    assertThat(refused).as("refused of " + FILES).isGreaterThan(FILES / 4);
  }

  private static byte[] damage(byte[] valid, RandomGenerator random) {
    byte[] bytes = valid.clone();
    switch (random.nextInt(4)) {
      case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> {
        int from = random.nextInt(bytes.length);
        int to = random.nextInt(bytes.length);
        int count = random.nextInt(1 + bytes.length - Math.max(from, to));
        System.arraycopy(bytes, from, bytes, to, count);
      }
      default -> {
        int flips = 1 + random.nextInt(4);
        for (int i = 0; i < flips; i++) {
          byte value =
              switch (random.nextInt(4)) {
                case 0 -> 0;
                case 1 -> (byte) 0xFF;
                default -> (byte) random.nextInt();
              };
          bytes[random.nextInt(bytes.length)] = value;
        }
      }
    }
    return bytes;
  }

  private static void touch(Collection<Tensor> tensors) {
    for (Tensor tensor : tensors) {
      for (long i = 0; i < tensor.data().byteSize(); i++) {
        tensor.data().get(ValueLayout.JAVA_BYTE, i);
      }
    }
  }
}
