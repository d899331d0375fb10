package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The entries of a zip archive whose data is stored, not compressed, each as a view of the mapped
/// file.
///
/// ```
/// | local header, data | local header, data | ... | directory | zip64 end, locator | end |
/// ```
///
/// Stricter than unpackers: the end record closes the file, the directory ends where the end
/// records begin, local headers agree with it, and no two entries share a byte. So an archive has
/// one reading only, and its size bounds what comes out of it.
final class ZipDirectory {
  private static final int END_SIGNATURE = 0x06054b50;
  private static final int END_BYTES = 22;
  private static final int LOCATOR_SIGNATURE = 0x07064b50;
  private static final int LOCATOR_BYTES = 20;
  private static final int END64_SIGNATURE = 0x06064b50;
  private static final int END64_BYTES = 56;
  private static final int ENTRY_SIGNATURE = 0x02014b50;
  private static final int ENTRY_BYTES = 46;
  private static final int LOCAL_SIGNATURE = 0x04034b50;
  private static final int LOCAL_BYTES = 30;
  private static final int ZIP64_EXTRA = 1;
  private static final int FLAGS_REFUSED = 1 | 1 << 6 | 1 << 13;
  private static final long MASKED = 0xFFFFFFFFL;
  private static final int MAX_ENTRIES = 200_000;

  /// Where the directory lies, as the end records say.
  private record Extent(long offset, long bytes, long entries) {}

  /// A directory entry; its data is not located yet.
  private record Entry(String name, int nameBytes, long nameOffset, long size, long localOffset) {}

  private final MappedFile file;
  private final SortedMap<String, MemorySegment> entries = new TreeMap<>();

  private ZipDirectory(MappedFile file) {
    this.file = file;
  }

  /// Lists the archive and locates the data of every entry.
  static ZipDirectory read(MappedFile file) {
    ZipDirectory directory = new ZipDirectory(file);
    Extent extent = directory.extent();
    directory.locate(directory.list(extent), extent.offset());
    return directory;
  }

  /// The data of each entry, by name.
  SortedMap<String, MemorySegment> entries() {
    return Collections.unmodifiableSortedMap(entries);
  }

  /// The data of one entry.
  Optional<MemorySegment> find(String name) {
    return Optional.ofNullable(entries.get(name));
  }

  private Extent extent() {
    long end = file.size() - END_BYTES;
    if (end < 0 || file.u32(end) != END_SIGNATURE || file.u16(end + 20) != 0) {
      throw file.invalid(
          "zip archive",
          file.size() + " bytes without an end record",
          "an end record in the last " + END_BYTES + " bytes; is the file truncated?");
    }
    Extent small = new Extent(file.u32(end + 16), file.u32(end + 12), file.u16(end + 10));
    long locator = end - LOCATOR_BYTES;
    if (locator < 0 || file.u32(locator) != LOCATOR_SIGNATURE) {
      return checked(small, end, file.u32(end + 4) == 0 && file.u16(end + 8) == small.entries());
    }
    long end64 = file.i64(locator + 8);
    if (end64 < 0 || end64 > locator - END64_BYTES || file.u32(end64) != END64_SIGNATURE) {
      throw file.invalid("zip64 end record at", end64, "a record before byte " + locator);
    }
    Extent large = new Extent(file.i64(end64 + 48), file.i64(end64 + 40), file.i64(end64 + 32));
    boolean agree =
        (small.offset() == MASKED || small.offset() == large.offset())
            && (small.bytes() == MASKED || small.bytes() == large.bytes())
            && (small.entries() == 0xFFFF || small.entries() == large.entries())
            && file.i64(end64 + 16) == 0
            && file.i64(end64 + 24) == large.entries();
    return checked(large, end64, agree);
  }

  private Extent checked(Extent extent, long limit, boolean agree) {
    boolean inside = extent.offset() >= 0 && extent.offset() <= limit && extent.bytes() >= 0;
    if (!inside || extent.offset() + extent.bytes() != limit || !agree) {
      throw file.invalid(
          "zip directory",
          extent,
          "one part that ends at byte " + limit + ", with agreeing counts");
    }
    if (extent.entries() < 0 || extent.entries() > MAX_ENTRIES) {
      throw file.invalid("zip entries", extent.entries(), "at most " + MAX_ENTRIES);
    }
    return extent;
  }

  private List<Entry> list(Extent extent) {
    List<Entry> list = new ArrayList<>();
    long position = extent.offset();
    long limit = extent.offset() + extent.bytes();
    for (long i = 0; i < extent.entries(); i++) {
      if (position > limit - ENTRY_BYTES || file.u32(position) != ENTRY_SIGNATURE) {
        throw file.invalid(
            "zip directory", i + " entries", extent.entries() + ", as its end record says");
      }
      int nameBytes = file.u16(position + 28);
      int extraBytes = file.u16(position + 30);
      long next = position + ENTRY_BYTES + nameBytes + extraBytes + file.u16(position + 32);
      if (next > limit) {
        throw file.invalid("zip directory", "entry " + i + " past the end", "whole entries");
      }
      list.add(entry(position, nameBytes, extraBytes));
      position = next;
    }
    if (position != limit) {
      throw file.invalid("zip directory", limit - position + " bytes too many", "only entries");
    }
    return list;
  }

  private Entry entry(long position, int nameBytes, int extraBytes) {
    String name = name(position + ENTRY_BYTES, nameBytes);
    if (file.u16(position + 10) != 0 || (file.u16(position + 8) & FLAGS_REFUSED) != 0) {
      throw invalid(
          name,
          "compression method " + file.u16(position + 10) + ", flags " + file.u16(position + 8),
          "stored as it is, method 0, not encrypted, so that it can be mapped");
    }
    long[] fields = {file.u32(position + 24), file.u32(position + 20), file.u32(position + 42)};
    widen(name, fields, position + ENTRY_BYTES + nameBytes, extraBytes);
    if (fields[0] != fields[1] || fields[0] < 0 || fields[2] < 0 || file.u16(position + 34) != 0) {
      throw invalid(
          name,
          "size " + fields[0] + ", stored " + fields[1] + ", at " + fields[2],
          "equal sizes in one archive");
    }
    return new Entry(name, nameBytes, position + ENTRY_BYTES, fields[0], fields[2]);
  }

  /// Replaces masked 32-bit fields by those of the zip64 extra field, which has only the masked
  /// ones, in order.
  private void widen(String name, long[] fields, long extra, int extraBytes) {
    long from = extra;
    long limit = extra;
    for (long at = extra; at + 4 <= extra + extraBytes && limit == extra; at += 4) {
      int bytes = file.u16(at + 2);
      if (file.u16(at) == ZIP64_EXTRA) {
        from = at + 4;
        limit = Math.min(from + bytes, extra + extraBytes);
      }
      at += bytes;
    }
    for (int i = 0; i < fields.length; i++) {
      if (fields[i] == MASKED) {
        if (from + Long.BYTES > limit) {
          throw invalid(name, "a masked size or offset", "a zip64 extra field with its value");
        }
        fields[i] = file.i64(from);
        from += Long.BYTES;
      }
    }
  }

  private String name(long offset, int bytes) {
    ByteBuffer encoded = file.bytes().asSlice(offset, bytes).asByteBuffer();
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(encoded).toString();
    } catch (CharacterCodingException failure) {
      throw InvalidFile.unreadable(file.path(), failure);
    }
  }

  private void locate(List<Entry> list, long directory) {
    List<Entry> byOffset =
        list.stream().sorted(Comparator.comparingLong(Entry::localOffset)).toList();
    long free = 0;
    for (Entry entry : byOffset) {
      long local = entry.localOffset();
      if (local > directory - LOCAL_BYTES || file.u32(local) != LOCAL_SIGNATURE) {
        throw invalid(entry.name(), "no local header at byte " + local, "a local header there");
      }
      if (local < free) {
        throw invalid(entry.name(), "at byte " + local, "no overlap; taken up to byte " + free);
      }
      long data = local + LOCAL_BYTES + file.u16(local + 26) + file.u16(local + 28);
      if (data > directory || entry.size() > directory - data) {
        throw invalid(
            entry.name(), entry.size() + " bytes at " + data, "data before byte " + directory);
      }
      requireAgreement(entry);
      if (entries.put(entry.name(), file.bytes().asSlice(data, entry.size())) != null) {
        throw invalid(entry.name(), "twice", "unique names");
      }
      free = data + entry.size();
    }
  }

  private void requireAgreement(Entry entry) {
    long local = entry.localOffset();
    boolean sameName =
        file.u16(local + 26) == entry.nameBytes()
            && MemorySegment.mismatch(
                    file.bytes(),
                    local + LOCAL_BYTES,
                    local + LOCAL_BYTES + entry.nameBytes(),
                    file.bytes(),
                    entry.nameOffset(),
                    entry.nameOffset() + entry.nameBytes())
                == -1;
    if (!sameName || file.u16(local + 8) != 0) {
      throw invalid(entry.name(), "another local header", "the name and method of the directory");
    }
  }

  private EngineException invalid(String name, String value, String expected) {
    return file.invalid("zip entry " + InvalidFile.excerpt(name), value, expected);
  }

  /// True when the file begins like a zip archive.
  static boolean isZip(MappedFile file) {
    return file.size() >= END_BYTES && file.u32(0) == LOCAL_SIGNATURE;
  }

  /// An entry's data as ASCII text without surrounding space.
  static String text(MemorySegment data) {
    return new String(data.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII).strip();
  }
}
