package dev.krait.loading;

import dev.krait.checkpoint.Checkpoint;
import dev.krait.checkpoint.CheckpointConfig;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.model.family.ModelFolder;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// SHA-256 of what makes a model: two models with the same digests compute the same.
final class ModelDigests {
  private static final long CHUNK_BYTES = 1 << 20;

  private ModelDigests() {}

  /// Names, types, shapes and bytes of tensors, in the order of the names.
  static String ofTensors(Checkpoint checkpoint, List<String> names) {
    List<byte[]> each =
        names.parallelStream().map(name -> digest(name, checkpoint.require(name))).toList();
    MessageDigest all = sha256();
    each.forEach(all::update);
    return "sha256:" + HexFormat.of().formatHex(all.digest());
  }

  private static byte[] digest(String name, Tensor tensor) {
    MessageDigest digest = sha256();
    String head = name + " " + tensor.dtype() + tensor.shape() + "\n";
    digest.update(head.getBytes(StandardCharsets.UTF_8));
    MemorySegment data = tensor.data();
    for (long from = 0; from < data.byteSize(); from += CHUNK_BYTES) {
      long bytes = Math.min(CHUNK_BYTES, data.byteSize() - from);
      digest.update(data.asSlice(from, bytes).asByteBuffer());
    }
    return digest.digest();
  }

  /// Bytes of the configuration files.
  static String ofConfiguration(ModelFolder folder) {
    MessageDigest digest = sha256();
    digest.update(bytes(folder.config()));
    folder.mambaConfig().map(ModelDigests::bytes).ifPresent(digest::update);
    return "sha256:" + HexFormat.of().formatHex(digest.digest());
  }

  private static byte[] bytes(CheckpointConfig config) {
    try {
      return Files.readAllBytes(Path.of(config.file()));
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_CHECKPOINT,
          config.file() + ": unreadable (expected: the file that was read at the start)",
          failure);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException absent) {
      throw new EngineException(
          ErrorCode.INTERNAL, "SHA-256: not in this JVM (expected: every JVM has it)", absent);
    }
  }
}
