package dev.krait.checkpoint;

import dev.krait.checkpoint.PickleReader.StorageRef;
import dev.krait.checkpoint.PickleReader.TensorRef;
import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A mapped file of `torch.save`: a zip whose `data.pkl` describes tensors over the entries
/// `data/<key>`.
///
/// Tensors are views of the entries where they lie; several may share one storage.
public final class TorchZipFile {
  private static final long MAX_PICKLE_BYTES = 64L << 20;
  private static final String PICKLE = "data.pkl";

  private final Map<String, Tensor> tensors;

  private TorchZipFile(Map<String, Tensor> tensors) {
    this.tensors = tensors;
  }

  /// Maps a file and reads its pickle, without executing anything.
  ///
  /// @throws EngineException INVALID_CHECKPOINT naming file, tensor, opcode or global
  public static TorchZipFile map(Path path, Arena arena) {
    MappedFile file = MappedFile.map(path, arena);
    Map<String, MemorySegment> entries = ZipIndex.read(file).entries();
    String prefix = prefix(file, entries);
    MemorySegment order = entries.get(prefix + "byteorder");
    if (order != null && !text(order).equals("little")) {
      throw file.broken("byteorder: " + text(order) + " (expected: little)");
    }
    MemorySegment pickle = entry(file, entries, prefix + PICKLE);
    if (pickle.byteSize() > MAX_PICKLE_BYTES) {
      throw file.broken(
          PICKLE
              + ": "
              + pickle.byteSize()
              + " bytes (expected: at most "
              + MAX_PICKLE_BYTES
              + ")");
    }
    byte[] bytes = pickle.toArray(ValueLayout.JAVA_BYTE);
    Map<String, Tensor> tensors = new TreeMap<>();
    PickleReader.readDictionary(file, bytes)
        .forEach((key, value) -> {
          if (!(key instanceof String name) || !(value instanceof TensorRef tensor)) {
            throw file.broken("entry " + key + " is no tensor (expected: a state dictionary)");
          }
          tensors.put(name, tensor(file, entries, prefix, name, tensor));
        });
    return new TorchZipFile(tensors);
  }

  private static String text(MemorySegment bytes) {
    byte[] head = bytes.asSlice(0, Math.min(16, bytes.byteSize())).toArray(ValueLayout.JAVA_BYTE);
    return new String(head, StandardCharsets.UTF_8).strip();
  }

  private static String prefix(MappedFile file, Map<String, MemorySegment> entries) {
    for (String name : entries.keySet()) {
      if (name.equals(PICKLE) || name.endsWith("/" + PICKLE)) {
        return name.substring(0, name.length() - PICKLE.length());
      }
    }
    throw file.broken("no entry " + PICKLE + " (expected: a file written by torch.save)");
  }

  private static MemorySegment entry(
      MappedFile file, Map<String, MemorySegment> entries, String name) {
    MemorySegment bytes = entries.get(name);
    if (bytes == null) {
      throw file.broken("zip entry " + name + ": missing");
    }
    return bytes;
  }

  private static Tensor tensor(
      MappedFile file,
      Map<String, MemorySegment> entries,
      String prefix,
      String name,
      TensorRef tensor) {
    String what = "tensor " + name;
    StorageRef storage = tensor.storage();
    DType dtype = StorageType.of(storage.storageClass());
    MemorySegment bytes = entry(file, entries, prefix + "data/" + storage.key());
    if (storage.elements() < 0 || storage.elements() > bytes.byteSize() / dtype.bytes()) {
      throw file.broken(
          what
              + ": storage of "
              + storage.elements()
              + " "
              + dtype
              + " (expected: at most "
              + bytes.byteSize()
              + " bytes)");
    }
    long[] dims = tensor.shape().stream().mapToLong(dim -> dim).toArray();
    Shape shape = Tensors.shape(file, what, dims);
    requireContiguous(file, what, shape, tensor.strides());
    long length = Tensors.bytes(file, what, dtype, shape);
    long elements = shape.elements();
    if (tensor.offset() < 0 || tensor.offset() > storage.elements() - elements) {
      throw file.broken(
          what
              + ": elements "
              + tensor.offset()
              + " + "
              + elements
              + " (expected: within its storage of "
              + storage.elements()
              + ")");
    }
    return new Tensor(dtype, shape, bytes.asSlice(tensor.offset() * dtype.bytes(), length));
  }

  private static void requireContiguous(
      MappedFile file, String what, Shape shape, List<Long> strides) {
    long expected = 1;
    for (int axis = shape.rank() - 1; axis >= 0; axis--) {
      if (shape.dim(axis) > 1 && strides.get(axis) != expected) {
        throw file.broken(
            what
                + ": stride "
                + strides.get(axis)
                + " of axis "
                + axis
                + " (expected: "
                + expected
                + ", a contiguous tensor)");
      }
      expected *= Math.max(1, shape.dim(axis));
    }
  }

  /// All tensors by name.
  public Map<String, Tensor> tensors() {
    return tensors;
  }
}
