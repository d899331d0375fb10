package dev.krait.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The central directory of a mapped zip file whose entries are stored, not compressed; with zip64
/// for large files.
///
/// Field offsets are those of PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16.
final class ZipIndex {
  private static final long LOCAL_HEADER = 0x04034b50L;
  private static final long CENTRAL_HEADER = 0x02014b50L;
  private static final long END = 0x06054b50L;
  private static final long END_64 = 0x06064b50L;
  private static final long LOCATOR_64 = 0x07064b50L;
  private static final int END_BYTES = 22;
  private static final int MAX_COMMENT = 65_535;
  private static final int MAX_ENTRIES = 1 << 20;
  private static final long IN_EXTRA = 0xFFFFFFFFL;
  private static final int ZIP64_EXTRA = 1;

  private final MappedFile file;
  private final Map<String, MemorySegment> entries = new TreeMap<>();
  private final List<Span> spans = new ArrayList<>();

  private record Span(String name, long begin, long end) {}

  private ZipIndex(MappedFile file) {
    this.file = file;
  }

  /// Reads the directory.
  static ZipIndex read(MappedFile file) {
    ZipIndex index = new ZipIndex(file);
    index.readDirectory();
    index.requireApart();
    return index;
  }

  /// Bytes of all entries by name.
  Map<String, MemorySegment> entries() {
    return entries;
  }

  private long findEnd() {
    long least = Math.max(0, file.size() - END_BYTES - MAX_COMMENT);
    for (long at = file.size() - END_BYTES; at >= least; at--) {
      if (file.uint32(at, "zip end") == END) {
        return at;
      }
    }
    throw file.broken(
        "no zip directory (expected: a file written by torch.save, format 1.6 or later)");
  }

  private void readDirectory() {
    long end = findEnd();
    long count = file.uint16(end + 10, "zip end");
    long at = file.uint32(end + 16, "zip end");
    if (end >= 20 && file.uint32(end - 20, "zip64 locator") == LOCATOR_64) {
      long end64 = file.int64(end - 12, "zip64 locator");
      if (file.uint32(end64, "zip64 end") != END_64) {
        throw file.broken("zip64 end: wrong signature at " + end64);
      }
      count = file.int64(end64 + 32, "zip64 end");
      at = file.int64(end64 + 48, "zip64 end");
    }
    if (count < 0 || count > MAX_ENTRIES) {
      throw file.broken("zip entries: " + count + " (expected: at most " + MAX_ENTRIES + ")");
    }
    for (long i = 0; i < count; i++) {
      at = readEntry(at);
    }
  }

  /// Reads one entry of the directory and returns where the next begins.
  private long readEntry(long at) {
    if (file.uint32(at, "zip directory") != CENTRAL_HEADER) {
      throw file.broken("zip directory: wrong signature at " + at);
    }
    int method = file.uint16(at + 10, "zip directory");
    long stored = file.uint32(at + 20, "zip directory");
    long size = file.uint32(at + 24, "zip directory");
    int nameBytes = file.uint16(at + 28, "zip directory");
    int extraBytes = file.uint16(at + 30, "zip directory");
    int commentBytes = file.uint16(at + 32, "zip directory");
    long local = file.uint32(at + 42, "zip directory");
    String name = new String(file.read(at + 46, nameBytes, "zip name"), StandardCharsets.UTF_8);
    long extra = at + 46 + nameBytes;
    long field = zip64Field(extra, extraBytes);
    if (size == IN_EXTRA) {
      size = file.int64(field, "zip64 size of " + name);
      field += 8;
    }
    if (stored == IN_EXTRA) {
      stored = file.int64(field, "zip64 size of " + name);
      field += 8;
    }
    if (local == IN_EXTRA) {
      local = file.int64(field, "zip64 offset of " + name);
    }
    if (method != 0 || stored != size) {
      throw file.broken(
          "zip entry " + name + ": compressed (expected: stored, as torch.save does)");
    }
    add(name, local, size);
    return extra + extraBytes + commentBytes;
  }

  private long zip64Field(long extra, int extraBytes) {
    long at = extra;
    while (at + 4 <= extra + extraBytes) {
      if (file.uint16(at, "zip extra") == ZIP64_EXTRA) {
        return at + 4;
      }
      at += 4 + file.uint16(at + 2, "zip extra");
    }
    return file.size();
  }

  private void add(String name, long local, long size) {
    if (file.uint32(local, "zip entry " + name) != LOCAL_HEADER) {
      throw file.broken("zip entry " + name + ": wrong signature at " + local);
    }
    long begin =
        local
            + 30
            + file.uint16(local + 26, "zip entry " + name)
            + file.uint16(local + 28, "zip entry " + name);
    MemorySegment bytes = file.slice(begin, size, "zip entry " + name);
    if (entries.put(name, bytes) != null) {
      throw file.broken("zip entry " + name + ": listed twice");
    }
    spans.add(new Span(name, begin, begin + size));
  }

  private void requireApart() {
    spans.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
    for (int i = 1; i < spans.size(); i++) {
      if (spans.get(i).begin() < spans.get(i - 1).end()) {
        throw file.broken(
            "zip entries " + spans.get(i - 1).name() + " and " + spans.get(i).name() + " overlap");
      }
    }
  }
}
