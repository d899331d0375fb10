package dev.krait.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/// Bytes under construction, numbers little-endian.
final class LittleEndian {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  LittleEndian number(int width, long value) {
    for (int i = 0; i < width; i++) {
      bytes.write((int) (value >>> (8 * i)));
    }
    return this;
  }

  LittleEndian text(String text) {
    return raw(text.getBytes(StandardCharsets.UTF_8));
  }

  LittleEndian raw(byte[] content) {
    bytes.writeBytes(content);
    return this;
  }

  byte[] toBytes() {
    return bytes.toByteArray();
  }
}
