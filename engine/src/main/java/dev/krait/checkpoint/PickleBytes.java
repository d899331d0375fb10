package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// A cursor over the bytes of a pickle that never leaves them.
final class PickleBytes {
  private static final int MAX_LINE_BYTES = 256;

  private final Path file;
  private final MemorySegment bytes;
  private long position;

  PickleBytes(Path file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  boolean isAtEnd() {
    return position == bytes.byteSize();
  }

  /// Unsigned, 8 bits.
  int u8() {
    require(1);
    return Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, position++));
  }

  /// Little-endian, two's complement, of up to 8 bytes.
  long signed(int width) {
    require(width);
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (long) u8() << (8 * i);
    }
    int unused = Long.SIZE - 8 * width;
    return width == 0 ? 0 : value << unused >> unused;
  }

  /// Little-endian, unsigned, of up to 4 bytes.
  long unsigned(int width) {
    long value = signed(width);
    return value & ((1L << (8 * width)) - 1);
  }

  /// UTF-8 text of a number of bytes.
  String text(long length) {
    require(length);
    ByteBuffer encoded = bytes.asSlice(position, length).asByteBuffer();
    position += length;
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(encoded).toString();
    } catch (CharacterCodingException failure) {
      EngineException invalid = invalid("text", "malformed", "UTF-8");
      invalid.addSuppressed(failure);
      throw invalid;
    }
  }

  /// Text up to a line feed, which is skipped.
  String line() {
    for (int length = 0; length < MAX_LINE_BYTES; length++) {
      require(length + 1L);
      if (bytes.get(ValueLayout.JAVA_BYTE, position + length) == '\n') {
        String line = text(length);
        position++;
        return line;
      }
    }
    throw invalid("line", "too long", "at most " + MAX_LINE_BYTES + " bytes");
  }

  /// An error at the current byte.
  EngineException invalid(String thing, Object value, String expected) {
    return InvalidFile.of(file, "data.pkl at byte " + position + ": " + thing, value, expected);
  }

  private void require(long length) {
    if (length > bytes.byteSize() - position) {
      throw invalid("operand", length + " bytes", "what is left of " + bytes.byteSize());
    }
  }
}
