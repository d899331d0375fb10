package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/// A read-only mapped file with bounds-checked little-endian reads; its length does not matter.
record MappedFile(String name, MemorySegment bytes) {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static MappedFile map(Path path, Arena arena) {
    try (FileChannel channel = FileChannel.open(path)) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new MappedFile(path.toString(), bytes);
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_CHECKPOINT, path + ": cannot be mapped: " + failure, failure);
    }
  }

  long size() {
    return bytes.byteSize();
  }

  EngineException broken(String what) {
    return EngineException.invalidCheckpoint(name + ": " + what);
  }

  /// A view that lies within the file.
  MemorySegment slice(long offset, long length, String what) {
    if (offset < 0 || length < 0 || offset > size() - length) {
      throw broken(
          what + ": bytes " + offset + " + " + length + " (expected: within " + size() + ")");
    }
    return bytes.asSlice(offset, length);
  }

  byte[] read(long offset, long length, String what) {
    return slice(offset, length, what).toArray(ValueLayout.JAVA_BYTE);
  }

  long int64(long offset, String what) {
    return slice(offset, 8, what).get(LONG, 0);
  }

  long uint32(long offset, String what) {
    return slice(offset, 4, what).get(INT, 0) & 0xFFFFFFFFL;
  }

  int uint16(long offset, String what) {
    return slice(offset, 2, what).get(SHORT, 0) & 0xFFFF;
  }
}
