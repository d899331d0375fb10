package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A whole file as read-only memory of an arena, and its little-endian numbers.
///
/// @param path the file
/// @param bytes its content; of any length
record MappedFile(Path path, MemorySegment bytes) {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// Maps a regular file or a link to one.
  static MappedFile map(Path path, Arena arena) {
    if (!Files.isRegularFile(path)) {
      throw InvalidFile.of(path, "file", Files.exists(path) ? "not a file" : "missing", "a file");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return new MappedFile(path, channel.map(MapMode.READ_ONLY, 0, channel.size(), arena));
    } catch (IOException failure) {
      throw InvalidFile.unreadable(path, failure);
    }
  }

  long size() {
    return bytes.byteSize();
  }

  /// Unsigned, 16 bits.
  int u16(long offset) {
    return Short.toUnsignedInt(bytes.get(SHORT, offset));
  }

  /// Unsigned, 32 bits.
  long u32(long offset) {
    return Integer.toUnsignedLong(bytes.get(INT, offset));
  }

  /// 64 bits; negative when an unsigned value would not fit.
  long i64(long offset) {
    return bytes.get(LONG, offset);
  }

  EngineException invalid(String thing, Object value, String expected) {
    return InvalidFile.of(path, thing, value, expected);
  }
}
