package dev.krait.checkpoint;

import dev.krait.error.NearestNames;
import dev.krait.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// The tensors of a model folder, mapped in place; owns the mappings.
///
/// Opening reads headers only, whatever the size of the files. Tensors are views that live until
/// [#close]. Immutable; usable from any thread.
public final class Checkpoint implements AutoCloseable {
  private static final int NEAREST_NAMES = 3;

  private final Path file;
  private final int shards;
  private final SortedMap<String, Tensor> tensors;
  private final List<FileState> files;
  private final Arena arena;

  private Checkpoint(
      Path file,
      int shards,
      SortedMap<String, Tensor> tensors,
      List<FileState> files,
      Arena arena) {
    this.file = file;
    this.shards = shards;
    this.tensors = tensors;
    this.files = files;
    this.arena = arena;
  }

  /// Maps the weights of a folder: the first of `model.safetensors`, `model.safetensors.index.json`
  /// with its shards, `pytorch_model.bin`, `pytorch_model.bin.index.json` with its shards, or else
  /// the only `*.safetensors`.
  ///
  /// @throws dev.krait.error.EngineException NOT_FOUND when there are none, INVALID_CHECKPOINT
  ///   naming file, tensor, value and expectation when they are broken
  @SuppressWarnings("MustBeClosedChecker") // The checkpoint closes the arena.
  public static Checkpoint open(Path folder) {
    CheckpointLayout layout = CheckpointLayout.find(folder);
    Arena arena = Arena.ofShared();
    try {
      return layout.isIndex() ? openShards(layout.file(), arena) : openFile(layout.file(), arena);
    } catch (RuntimeException failure) {
      arena.close();
      throw failure;
    }
  }

  private static Checkpoint openShards(Path file, Arena arena) {
    ShardIndex index = ShardIndex.read(file);
    SortedMap<String, Tensor> tensors = new TreeMap<>();
    List<FileState> files = new ArrayList<>();
    for (String shard : index.shards()) {
      files.add(FileState.of(file.resolveSibling(shard)));
      SortedMap<String, Tensor> mapped = map(file.resolveSibling(shard), arena);
      index.requireAgreement(shard, mapped);
      tensors.putAll(mapped);
    }
    return new Checkpoint(file, index.shards().size(), tensors, files, arena);
  }

  private static Checkpoint openFile(Path file, Arena arena) {
    List<FileState> files = List.of(FileState.of(file));
    return new Checkpoint(file, 1, map(file, arena), files, arena);
  }

  private static SortedMap<String, Tensor> map(Path file, Arena arena) {
    return file.toString().endsWith(".bin")
        ? TorchZipFile.map(file, arena).tensors()
        : SafetensorsFile.map(file, arena).tensors();
  }

  /// Names of all tensors.
  public SortedSet<String> names() {
    return Collections.unmodifiableSortedSet(new TreeSet<>(tensors.keySet()));
  }

  /// A tensor as a row-major view of mapped memory; empty when there is none of that name.
  public Optional<Tensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /// A tensor as a row-major view of mapped memory.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming it and the nearest names
  ///   that exist
  public Tensor require(String name) {
    return find(name)
        .orElseThrow(() ->
            InvalidFile.of(file, "tensor " + InvalidFile.excerpt(name), "missing", nearest(name)));
  }

  private String nearest(String name) {
    List<String> names =
        NearestNames.of(name, tensors.keySet(), NEAREST_NAMES).stream()
            .map(InvalidFile::excerpt)
            .toList();
    return names.isEmpty()
        ? "a tensor of that name"
        : "one of that name; nearest: " + String.join(", ", names);
  }

  /// Refuses files that somebody has cut since they were mapped: what is gone reads as zeros or as
  /// an [InternalError] of the virtual machine. Files that were replaced keep their mapped content.
  ///
  /// @throws dev.krait.error.EngineException INVALID_CHECKPOINT naming the file
  public void requireUncut() {
    for (FileState mapped : files) {
      FileState now = FileState.of(mapped.path());
      if (now.bytes() < mapped.bytes() && Objects.equals(now.key(), mapped.key())) {
        throw InvalidFile.of(
            mapped.path(),
            "file",
            "cut to " + now.bytes() + " bytes while it was read",
            "the " + mapped.bytes() + " bytes that it had; is it still being copied?");
      }
    }
  }

  /// A file as it was at some time.
  ///
  /// @param key tells it from another file of the same name, where the system can
  private record FileState(Path path, long bytes, @Nullable Object key) {
    static FileState of(Path path) {
      try {
        BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
        return new FileState(path, now.size(), now.fileKey());
      } catch (IOException missing) {
        // Whoever maps the file says so; a mapped file that is gone keeps its content.
        return new FileState(path, 0, null);
      }
    }
  }

  /// Bytes of all tensors; names of the same memory count once.
  public long bytes() {
    record Range(long address, long bytes) {}
    Set<Range> ranges = new HashSet<>();
    for (Tensor tensor : tensors.values()) {
      ranges.add(new Range(tensor.data().address(), tensor.data().byteSize()));
    }
    return ranges.stream().mapToLong(Range::bytes).sum();
  }

  /// For people: `model.safetensors, 75 tensors, 30.2 MB`.
  public String describe() {
    String files = shards == 1 ? "" : " (" + shards + " files)";
    return file.getFileName() + files + ", " + tensors.size() + " tensors, " + size(bytes());
  }

  private static String size(long bytes) {
    if (bytes < 1_000_000) {
      return String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
    }
    return bytes < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  /// Unmaps the files; tensors must not be read any more. Closing twice is allowed.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
