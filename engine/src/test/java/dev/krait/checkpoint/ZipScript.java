package dev.krait.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;

/// A zip archive of stored entries under construction, on disk, with a zip64 end as torch.save
/// writes it. Entries may be holes, so that large files cost no space.
final class ZipScript {
  private static final long MASKED = 0xFFFFFFFFL;

  private final Path path;
  private final LittleEndian directory = new LittleEndian();
  private long position;
  private int entries;

  ZipScript(Path path) {
    this.path = path;
    write(new byte[0], StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING);
  }

  /// An archive that holds a pickle and the data of storage 0.
  static Path archive(Path path, byte[] pickle, byte[] data) {
    return new ZipScript(path)
        .add("model/data.pkl", pickle)
        .add("model/byteorder", "little".getBytes(StandardCharsets.US_ASCII))
        .add("model/data/0", data)
        .add("model/version", "3\n".getBytes(StandardCharsets.US_ASCII))
        .end();
  }

  /// Bytes written so far.
  long position() {
    return position;
  }

  ZipScript add(String name, byte[] data) {
    long local = position;
    append(localHeader(name, data.length));
    append(data);
    return list(name, data.length, local);
  }

  /// An entry of zeros that are never written.
  ZipScript addHole(String name, long bytes) {
    long local = position;
    append(localHeader(name, bytes));
    position += bytes;
    return list(name, bytes, local);
  }

  static byte[] localHeader(String name, long size) {
    return new LittleEndian()
        .number(4, 0x04034b50)
        .number(2, 0)
        .number(2, 0x800)
        .number(2, 0)
        .number(8, 0)
        .number(4, Math.min(size, MASKED))
        .number(4, Math.min(size, MASKED))
        .number(2, name.length())
        .number(2, 8)
        .text(name)
        // An extra field, as torch.save aligns its data with.
        .number(2, 0x4246)
        .number(2, 4)
        .text("ZZZZ")
        .toBytes();
  }

  /// Adds a directory entry alone.
  ZipScript list(String name, long size, long local) {
    LittleEndian extra = new LittleEndian();
    if (size >= MASKED) {
      extra.number(8, size).number(8, size);
    }
    if (local >= MASKED) {
      extra.number(8, local);
    }
    byte[] wide = extra.toBytes();
    directory
        .number(4, 0x02014b50)
        .number(4, 0)
        .number(2, 0x800)
        .number(2, 0)
        .number(8, 0)
        .number(4, Math.min(size, MASKED))
        .number(4, Math.min(size, MASKED))
        .number(2, name.length())
        .number(2, wide.length == 0 ? 0 : wide.length + 4)
        .number(2 + 2 + 2 + 4, 0)
        .number(4, Math.min(local, MASKED))
        .text(name);
    if (wide.length > 0) {
      directory.number(2, 1).number(2, wide.length).raw(wide);
    }
    entries++;
    return this;
  }

  Path end() {
    byte[] list = directory.toBytes();
    long start = position;
    append(list);
    append(
        new LittleEndian()
            .number(4, 0x06064b50)
            .number(8, 44)
            .number(4, 0)
            .number(8, 0)
            .number(8, entries)
            .number(8, entries)
            .number(8, list.length)
            .number(8, start)
            .number(4, 0x07064b50)
            .number(4, 0)
            .number(8, start + list.length)
            .number(4, 1)
            .toBytes());
    return endSmall(list.length, start);
  }

  /// Ends the archive without zip64 records.
  Path endWithoutZip64() {
    byte[] list = directory.toBytes();
    long start = position;
    append(list);
    return endSmall(list.length, start);
  }

  private Path endSmall(long bytes, long start) {
    append(
        new LittleEndian()
            .number(4, 0x06054b50)
            .number(4, 0)
            .number(2, entries)
            .number(2, entries)
            .number(4, bytes)
            .number(4, Math.min(start, MASKED))
            .number(2, 0)
            .toBytes());
    return path;
  }

  private void append(byte[] bytes) {
    write(bytes, StandardOpenOption.WRITE);
    position += bytes.length;
  }

  private void write(byte[] bytes, StandardOpenOption... options) {
    var all = new HashSet<>(List.of(options));
    all.add(StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(path, all)) {
      channel.write(ByteBuffer.wrap(bytes), position);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
