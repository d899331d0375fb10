package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/// The tensors of a folder, as views of mapped files; owns the mappings.
public final class Checkpoint implements AutoCloseable {
  private static final long MAX_INDEX_BYTES = 64L << 20;

  private final Arena arena;
  private final SortedMap<String, Tensor> tensors;
  private final String files;

  private Checkpoint(Arena arena, SortedMap<String, Tensor> tensors, String files) {
    this.arena = arena;
    this.tensors = tensors;
    this.files = files;
  }

  /// Maps `model.safetensors`, the shards of `model.safetensors.index.json`, `pytorch_model.bin` or
  /// the shards of its index, whichever is there first in this order.
  ///
  /// @throws EngineException NOT_FOUND when none is there, INVALID_CHECKPOINT naming what is broken
  @SuppressWarnings("MustBeClosedChecker") // closed by the checkpoint, or here when opening fails
  public static Checkpoint open(Path folder) {
    Arena arena = Arena.ofShared();
    try {
      return open(folder, arena);
    } catch (RuntimeException failure) {
      arena.close();
      throw failure;
    }
  }

  private static Checkpoint open(Path folder, Arena arena) {
    for (String name : List.of("model.safetensors", "pytorch_model.bin")) {
      Path whole = folder.resolve(name);
      if (Files.isRegularFile(whole)) {
        return new Checkpoint(arena, new TreeMap<>(map(whole, arena)), name);
      }
      Path index = folder.resolve(name + ".index.json");
      if (Files.isRegularFile(index)) {
        return sharded(folder, index, arena);
      }
    }
    throw new EngineException(
        ErrorCode.NOT_FOUND,
        folder
            + ": no weights among "
            + listing(folder)
            + " (expected: model.safetensors, pytorch_model.bin, or either with .index.json)");
  }

  private static Map<String, Tensor> map(Path file, Arena arena) {
    return file.getFileName().toString().endsWith(".safetensors")
        ? SafetensorsFile.map(file, arena).tensors()
        : TorchZipFile.map(file, arena).tensors();
  }

  private static Checkpoint sharded(Path folder, Path index, Arena arena) {
    Map<String, String> shardOf = readIndex(index);
    SortedMap<String, Tensor> tensors = new TreeMap<>();
    SortedSet<String> shards = new TreeSet<>(shardOf.values());
    for (String shard : shards) {
      if (shard.contains("/") || shard.contains("\\") || shard.startsWith(".")) {
        throw broken(index, "shard " + shard, "a file name in the same folder");
      }
      Path file = folder.resolve(shard);
      if (!Files.isRegularFile(file)) {
        throw broken(index, "shard " + shard + " is missing", "every shard of the index");
      }
      for (Map.Entry<String, Tensor> entry : map(file, arena).entrySet()) {
        if (!shard.equals(shardOf.get(entry.getKey()))) {
          throw broken(
              index,
              "tensor " + entry.getKey() + " of shard " + shard,
              "in the shard that the index names: " + shardOf.get(entry.getKey()));
        }
        tensors.put(entry.getKey(), entry.getValue());
      }
    }
    for (Map.Entry<String, String> entry : shardOf.entrySet()) {
      if (!tensors.containsKey(entry.getKey())) {
        throw broken(index, "tensor " + entry.getKey(), "in shard " + entry.getValue());
      }
    }
    return new Checkpoint(arena, tensors, shards.size() + " shards");
  }

  private static Map<String, String> readIndex(Path index) {
    try {
      if (Files.size(index) > MAX_INDEX_BYTES) {
        throw broken(index, Files.size(index) + " bytes", "at most " + MAX_INDEX_BYTES);
      }
      JsonNode map =
          CheckpointConfig.Json.read(index.toString(), Files.readAllBytes(index), 8)
              .path("weight_map");
      if (!map.isObject()) {
        throw broken(index, "weight_map: " + map.getNodeType(), "an object");
      }
      Map<String, String> shardOf = new TreeMap<>();
      for (Map.Entry<String, JsonNode> entry : map.properties()) {
        if (!entry.getValue().isString()) {
          throw broken(index, entry.getKey() + ": " + entry.getValue(), "a file name");
        }
        shardOf.put(entry.getKey(), entry.getValue().asString());
      }
      return shardOf;
    } catch (IOException failure) {
      throw new EngineException(
          ErrorCode.INVALID_CHECKPOINT, index + ": cannot be read: " + failure, failure);
    }
  }

  private static EngineException broken(Path index, String what, String expected) {
    return EngineException.invalidCheckpoint(index + ": " + what + " (expected: " + expected + ")");
  }

  private static String listing(Path folder) {
    try (var files = Files.list(folder)) {
      List<String> names =
          files.map(file -> file.getFileName().toString()).sorted().limit(20).toList();
      return names.toString();
    } catch (IOException failure) {
      return "(unreadable: " + failure + ")";
    }
  }

  /// Names of all tensors.
  public SortedSet<String> names() {
    return Collections.unmodifiableSortedSet(new TreeSet<>(tensors.keySet()));
  }

  /// A tensor, mapped; empty when the checkpoint has none of the name.
  public Optional<Tensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /// A tensor that must be there.
  ///
  /// @throws EngineException INVALID_CHECKPOINT naming it and its neighbours
  public Tensor require(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      List<String> near = tensors.tailMap(name).keySet().stream().limit(3).toList();
      throw EngineException.invalidCheckpoint(
          "tensor "
              + name
              + ": missing (expected: in "
              + files
              + ", whose next names are "
              + near
              + ")");
    }
    return tensor;
  }

  /// Bytes of all tensors.
  public long bytes() {
    return tensors.values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
  }

  /// Such as `model.safetensors, 75 tensors, 30.2 MB`.
  public String describe() {
    return String.format(
        Locale.ROOT, "%s, %d tensors, %.1f MB", files, tensors.size(), bytes() / 1e6);
  }

  /// Unmaps everything; tensors must not be used any more.
  @Override
  public void close() {
    arena.close();
  }
}
