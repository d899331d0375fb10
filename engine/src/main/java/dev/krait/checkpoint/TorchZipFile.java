package dev.krait.checkpoint;

import dev.krait.checkpoint.PickleValue.Storage;
import dev.krait.checkpoint.PickleValue.StoredTensor;
import dev.krait.error.EngineException;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// The tensors of one file of `torch.save`, mapped in place.
///
/// The file is a zip archive: `<name>/data.pkl` says which tensors there are, `<name>/data/<key>`
/// holds the elements of one storage. Tensors may share a storage.
public final class TorchZipFile {
  private static final long MAX_PICKLE_BYTES = 64 << 20;
  private static final int LEGACY_PICKLE = 0x80;

  private final MappedFile file;
  private final ZipDirectory zip;
  private final String prefix;

  private final SortedMap<String, Tensor> tensors = new TreeMap<>();

  private TorchZipFile(MappedFile file, ZipDirectory zip, String prefix) {
    this.file = file;
    this.zip = zip;
    this.prefix = prefix;
  }

  /// Maps a file and reads its pickle with a reader that executes nothing; tensor data is not read.
  ///
  /// @param arena owns the mapping
  /// @throws EngineException INVALID_CHECKPOINT naming file, tensor, opcode or global and what is
  ///   wrong with it
  public static TorchZipFile map(Path path, Arena arena) {
    MappedFile file = MappedFile.map(path, arena);
    if (!ZipDirectory.isZip(file)) {
      throw file.invalid("format", firstBytes(file), "a zip archive written by torch.save");
    }
    ZipDirectory zip = ZipDirectory.read(file);
    TorchZipFile opened = new TorchZipFile(file, zip, prefix(file, zip));
    opened.requireLittleEndian();
    opened.readTensors();
    return opened;
  }

  /// The tensors by name; views that live as long as the arena.
  public SortedMap<String, Tensor> tensors() {
    return Collections.unmodifiableSortedMap(tensors);
  }

  private static String firstBytes(MappedFile file) {
    if (file.size() == 0) {
      return "an empty file";
    }
    if (Byte.toUnsignedInt(file.bytes().get(ValueLayout.JAVA_BYTE, 0)) == LEGACY_PICKLE) {
      return "a bare pickle, as torch before 1.6 wrote it";
    }
    return "unknown";
  }

  private static String prefix(MappedFile file, ZipDirectory zip) {
    List<String> pickles =
        zip.entries().keySet().stream()
            .filter(name -> name.endsWith("/data.pkl") && name.indexOf('/') == name.length() - 9)
            .toList();
    if (pickles.size() != 1) {
      throw file.invalid("data.pkl", pickles.size() + " entries", "one, as <name>/data.pkl");
    }
    return pickles.getFirst().substring(0, pickles.getFirst().length() - "data.pkl".length());
  }

  private void requireLittleEndian() {
    zip.find(prefix + "byteorder")
        .ifPresent(record -> {
          String order = record.byteSize() > 16 ? "unknown" : ZipDirectory.text(record);
          if (!order.equals("little")) {
            throw file.invalid("byteorder", order, "little");
          }
        });
  }

  private void readTensors() {
    MemorySegment pickle = zip.find(prefix + "data.pkl").orElseThrow();
    if (pickle.byteSize() > MAX_PICKLE_BYTES) {
      throw file.invalid("data.pkl", pickle.byteSize() + " bytes", "at most " + MAX_PICKLE_BYTES);
    }
    for (Map.Entry<String, StoredTensor> entry :
        StateDictPickle.read(file.path(), pickle).entrySet()) {
      String thing = "tensor " + InvalidFile.excerpt(entry.getKey());
      tensors.put(entry.getKey(), view(thing, entry.getValue()));
    }
  }

  private Tensor view(String tensor, StoredTensor stored) {
    Storage storage = stored.storage();
    MemorySegment data = data(tensor, storage);
    long[] dims = stored.dims().stream().mapToLong(Long::longValue).toArray();
    Shape shape = SafetensorsHeader.shape(file.path(), tensor, dims, storage.dtype());
    requireContiguous(tensor, stored, shape);
    if (stored.offset() < 0 || stored.offset() > storage.elements() - shape.elements()) {
      throw file.invalid(
          tensor + ": storage_offset",
          stored.offset(),
          shape + " within the " + storage.elements() + " elements of the storage");
    }
    int width = storage.dtype().bytes();
    MemorySegment bytes = data.asSlice(stored.offset() * width, shape.elements() * width);
    return new Tensor(storage.dtype(), shape, bytes);
  }

  private MemorySegment data(String tensor, Storage storage) {
    String entry = "storage data/" + InvalidFile.excerpt(storage.key());
    MemorySegment data =
        zip.find(prefix + "data/" + storage.key())
            .orElseThrow(
                () -> file.invalid(tensor + ": " + entry, "missing", "an entry of the archive"));
    int width = storage.dtype().bytes();
    if (data.byteSize() % width != 0 || data.byteSize() / width != storage.elements()) {
      throw file.invalid(
          tensor + ": " + entry,
          data.byteSize() + " bytes",
          storage.elements() + " elements of " + storage.dtype());
    }
    return data;
  }

  /// Strides of axes with one index, and of tensors without elements, mean nothing.
  private void requireContiguous(String tensor, StoredTensor stored, Shape shape) {
    List<Long> strides = stored.strides();
    boolean contiguous = strides.size() == shape.rank();
    long expected = 1;
    for (int axis = shape.rank() - 1; contiguous && axis >= 0; axis--) {
      contiguous = shape.dim(axis) == 1 || strides.get(axis) == expected || shape.elements() == 0;
      expected *= shape.dim(axis);
    }
    if (!contiguous) {
      throw file.invalid(
          tensor + ": strides", strides, "row-major, without gaps, for shape " + shape);
    }
  }
}
