package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import dev.krait.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// A mapped safetensors file: an 8-byte header length, a JSON header, then the tensors' bytes
/// without gap or overlap.
public final class SafetensorsFile {
  private static final long MAX_HEADER_BYTES = 100_000_000;
  private static final int MAX_DEPTH = 8;

  private final Map<String, Tensor> tensors;

  private SafetensorsFile(Map<String, Tensor> tensors) {
    this.tensors = tensors;
  }

  private record Span(String name, long begin, long end) {}

  /// Maps a file and checks its header.
  ///
  /// @throws EngineException INVALID_CHECKPOINT naming file, tensor, value and expectation
  public static SafetensorsFile map(Path path, Arena arena) {
    MappedFile file = MappedFile.map(path, arena);
    long headerBytes = file.int64(0, "header length");
    if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES || headerBytes > file.size() - 8) {
      throw file.broken(
          "header length: "
              + headerBytes
              + " (expected: 2 to "
              + Math.min(MAX_HEADER_BYTES, file.size() - 8)
              + ")");
    }
    byte[] header = file.read(8, headerBytes, "header");
    JsonNode root = CheckpointConfig.Json.read(file.name(), header, MAX_DEPTH);
    if (!root.isObject()) {
      throw file.broken("header: " + root.getNodeType() + " (expected: a JSON object)");
    }
    long dataBytes = file.size() - 8 - headerBytes;
    MemorySegment data = file.slice(8 + headerBytes, dataBytes, "data");
    Map<String, Tensor> tensors = new TreeMap<>();
    List<Span> spans = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      if (!entry.getKey().equals("__metadata__")) {
        tensors.put(entry.getKey(), tensor(file, entry.getKey(), entry.getValue(), data, spans));
      }
    }
    requireNoGap(file, spans, dataBytes);
    return new SafetensorsFile(tensors);
  }

  private static Tensor tensor(
      MappedFile file, String name, JsonNode entry, MemorySegment data, List<Span> spans) {
    String what = "tensor " + name;
    DType dtype = dtype(file, what, entry.path("dtype"));
    Shape shape = shape(file, what, entry.path("shape"));
    JsonNode offsets = entry.path("data_offsets");
    if (offsets.size() != 2
        || !offsets.path(0).canConvertToLong()
        || !offsets.path(1).canConvertToLong()) {
      throw file.broken(what + ": data_offsets: " + offsets + " (expected: two whole numbers)");
    }
    long begin = offsets.path(0).asLong();
    long end = offsets.path(1).asLong();
    if (begin < 0 || end < begin || end > data.byteSize()) {
      throw file.broken(
          what + ": data_offsets: " + offsets + " (expected: within 0 to " + data.byteSize() + ")");
    }
    long expected = Tensors.bytes(file, what, dtype, shape);
    if (end - begin != expected) {
      throw file.broken(
          what
              + ": "
              + (end - begin)
              + " bytes (expected: "
              + expected
              + " for "
              + dtype
              + shape
              + ")");
    }
    spans.add(new Span(name, begin, end));
    return new Tensor(dtype, shape, data.asSlice(begin, end - begin));
  }

  private static DType dtype(MappedFile file, String what, JsonNode node) {
    if (node.isString()) {
      for (DType dtype : DType.values()) {
        if (dtype.name().equals(node.asString())) {
          return dtype;
        }
      }
    }
    throw file.broken(
        what + ": dtype: " + node + " (expected: F32, F16, BF16, F64 or an integer type)");
  }

  private static Shape shape(MappedFile file, String what, JsonNode node) {
    if (!node.isArray() || node.size() > Tensors.MAX_RANK) {
      throw file.broken(what + ": shape: " + node + " (expected: a list of whole numbers)");
    }
    long[] dims = new long[node.size()];
    for (int i = 0; i < dims.length; i++) {
      JsonNode dim = node.get(i);
      if (!dim.isIntegralNumber() || !dim.canConvertToLong()) {
        throw file.broken(what + ": shape: " + node + " (expected: a list of whole numbers)");
      }
      dims[i] = dim.asLong();
    }
    return Tensors.shape(file, what, dims);
  }

  private static void requireNoGap(MappedFile file, List<Span> spans, long dataBytes) {
    spans.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
    long at = 0;
    for (Span span : spans) {
      if (span.begin() != at) {
        throw file.broken(
            "tensor " + span.name() + ": begins at " + span.begin() + " (expected: " + at + ")");
      }
      at = span.end();
    }
    if (at != dataBytes) {
      throw file.broken(
          "tensors end at " + at + " (expected: the end of the data " + dataBytes + ")");
    }
  }

  /// All tensors by name.
  public Map<String, Tensor> tensors() {
    return tensors;
  }
}
