package dev.krait.checkpoint;

import dev.krait.tensor.Tensor;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The index of a checkpoint in several files: which file holds which tensor.
final class ShardIndex {
  private static final int MAX_BYTES = 32 << 20;
  private static final int MAX_SHARDS = 10_000;

  private final Path file;
  private final SortedMap<String, String> shardByTensor = new TreeMap<>();
  private final SortedSet<String> shards = new TreeSet<>();

  private ShardIndex(Path file) {
    this.file = file;
  }

  /// Reads an index, `{"metadata": {...}, "weight_map": {tensor: file, ...}}`.
  static ShardIndex read(Path file) {
    ObjectNode root = StrictJson.read(file, MAX_BYTES);
    JsonNode map = root.path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw InvalidFile.of(
          file,
          "weight_map",
          map.isMissingNode() ? "missing" : map,
          "an object from tensor names to files");
    }
    ShardIndex index = new ShardIndex(file);
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String shard = index.shard(entry.getKey(), entry.getValue());
      index.shardByTensor.put(entry.getKey(), shard);
      index.shards.add(shard);
    }
    if (index.shards.size() > MAX_SHARDS) {
      throw InvalidFile.of(file, "files", index.shards.size(), "at most " + MAX_SHARDS);
    }
    return index;
  }

  /// File names of all shards.
  SortedSet<String> shards() {
    return Collections.unmodifiableSortedSet(shards);
  }

  /// Refuses a shard whose tensors are not exactly those that the index places there.
  void requireAgreement(String shard, SortedMap<String, Tensor> tensors) {
    for (String name : tensors.keySet()) {
      String expected = shardByTensor.get(name);
      if (!shard.equals(expected)) {
        throw InvalidFile.of(
            file,
            "tensor " + InvalidFile.excerpt(name),
            "found in " + shard,
            expected == null ? "only tensors of the index" : "only in " + expected);
      }
    }
    for (Map.Entry<String, String> entry : shardByTensor.entrySet()) {
      if (entry.getValue().equals(shard) && !tensors.containsKey(entry.getKey())) {
        throw InvalidFile.of(
            file,
            "tensor " + InvalidFile.excerpt(entry.getKey()),
            "not in " + shard,
            "to be there, as the index says");
      }
    }
  }

  /// A plain file name with the index's own format: `model.safetensors.index.json` names
  /// safetensors files beside it.
  private String shard(String tensor, JsonNode value) {
    String suffix = file.toString().endsWith(".bin.index.json") ? ".bin" : ".safetensors";
    String name = value.isString() ? value.stringValue() : "";
    if (!name.endsWith(suffix) || !name.matches("[\\w.+@ -]+") || name.startsWith(".")) {
      throw InvalidFile.of(
          file,
          "weight_map: " + InvalidFile.excerpt(tensor),
          value,
          "the name of a *" + suffix + " file in the same folder");
    }
    return name;
  }
}
