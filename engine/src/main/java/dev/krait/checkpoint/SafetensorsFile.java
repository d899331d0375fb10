package dev.krait.checkpoint;

import dev.krait.checkpoint.SafetensorsHeader.Entry;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// The tensors of one safetensors file, mapped in place.
///
/// ```
/// | header bytes (u64) | header: JSON, padded with spaces | tensor | tensor | ... |
/// 0                    8                                  data                    end of file
/// ```
///
/// The format leaves no room between tensors: each byte after the header belongs to exactly one.
public final class SafetensorsFile {
  private static final int PREFIX_BYTES = 8;
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private final SortedMap<String, Tensor> tensors;

  private SafetensorsFile(SortedMap<String, Tensor> tensors) {
    this.tensors = Collections.unmodifiableSortedMap(tensors);
  }

  /// Maps a file and checks its header; tensor data is not read.
  ///
  /// @param arena owns the mapping
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming file, tensor and what is
  ///   wrong with it
  public static SafetensorsFile map(Path path, Arena arena) {
    MappedFile file = MappedFile.map(path, arena);
    if (file.size() < PREFIX_BYTES) {
      throw file.invalid("file", file.size() + " bytes", PREFIX_BYTES + " bytes or more");
    }
    long headerBytes = file.i64(0);
    long limit = Math.min(MAX_HEADER_BYTES, file.size() - PREFIX_BYTES);
    if (headerBytes < 0 || headerBytes > limit) {
      throw file.invalid(
          "header",
          Long.toUnsignedString(headerBytes) + " bytes",
          "at most " + limit + " of the " + file.size() + " in the file");
    }
    MemorySegment header = file.bytes().asSlice(PREFIX_BYTES, headerBytes);
    MemorySegment data = file.bytes().asSlice(PREFIX_BYTES + headerBytes);
    return new SafetensorsFile(views(file, SafetensorsHeader.read(path, header), data));
  }

  /// The tensors by name; views that live as long as the arena.
  public SortedMap<String, Tensor> tensors() {
    return tensors;
  }

  private static SortedMap<String, Tensor> views(
      MappedFile file, List<Entry> entries, MemorySegment data) {
    List<Entry> byOffset =
        entries.stream()
            .sorted(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end))
            .toList();
    SortedMap<String, Tensor> tensors = new TreeMap<>();
    long position = 0;
    String previous = "the header";
    for (Entry entry : byOffset) {
      requireWithin(file, entry, data.byteSize());
      if (entry.begin() != position) {
        throw file.invalid(
            tensor(entry) + ": data_offsets",
            offsets(entry),
            "to begin at "
                + position
                + ", where "
                + previous
                + " ends; tensors leave no gap and do not overlap");
      }
      MemorySegment bytes = data.asSlice(entry.begin(), entry.end() - entry.begin());
      tensors.put(entry.name(), new Tensor(entry.dtype(), entry.shape(), bytes));
      position = entry.end();
      previous = tensor(entry);
    }
    if (position != data.byteSize()) {
      throw file.invalid(
          "data", data.byteSize() + " bytes", position + " bytes, where " + previous + " ends");
    }
    return tensors;
  }

  private static void requireWithin(MappedFile file, Entry entry, long dataBytes) {
    if (entry.begin() < 0 || entry.end() < entry.begin() || entry.end() > dataBytes) {
      throw file.invalid(
          tensor(entry) + ": data_offsets",
          offsets(entry),
          "a range within the " + dataBytes + " bytes of data");
    }
    long expected = entry.shape().elements() * entry.dtype().bytes();
    if (entry.end() - entry.begin() != expected) {
      throw file.invalid(
          tensor(entry) + ": data_offsets",
          offsets(entry),
          expected + " bytes for " + entry.dtype() + " " + entry.shape());
    }
  }

  private static String tensor(Entry entry) {
    return "tensor " + InvalidFile.excerpt(entry.name());
  }

  private static String offsets(Entry entry) {
    return "[" + entry.begin() + ", " + entry.end() + "]";
  }
}
