package dev.krait.server.hub;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Finds models by name: in the cache, or on the hub.
///
/// A model whose files are all in the cache is used as it is, without a word to the hub; [#pull]
/// looks for a newer commit of its branch. A cache that another program has filled may lack files
/// that only this one reads, so the hub is asked once, and what it does not have is remembered.
public final class Hub {
  private static final int FILES_AT_ONCE = 4;

  private final HubSettings settings;
  private final HubCache cache;
  private final HubClient client;
  private final Consumer<String> notes;
  private final Consumer<Path> check;
  private final Attempts attempts;

  /// What is wanted of a repository.
  public enum Part {
    /// Everything that a model needs.
    MODEL,
    /// What a tokenizer needs: no weights.
    TOKENIZER
  }

  /// A model of the cache.
  ///
  /// @param folder its files
  /// @param bytes of them together
  /// @param whole whether it can be served without the hub
  public record Cached(ModelName name, Path folder, long bytes, boolean whole) {}

  /// Opens the cache, which need not exist.
  ///
  /// @param notes is given lines for people
  /// @param check refuses the folder of a model that cannot be served, before its weights come
  public Hub(HubSettings settings, Consumer<String> notes, Consumer<Path> check) {
    this(settings, notes, check, Attempts.Pause.real());
  }

  Hub(HubSettings settings, Consumer<String> notes, Consumer<Path> check, Attempts.Pause pause) {
    this.settings = settings;
    this.cache = new HubCache(settings.cache());
    this.client = new HubClient(settings);
    this.notes = notes;
    this.check = check;
    this.attempts = new Attempts(settings.endpoint(), notes, pause);
  }

  /// The folder of a model, downloaded as far as it is not in the cache.
  ///
  /// @throws EngineException NOT_FOUND when it cannot be had, in words that say why
  public Path locate(ModelName name, Part part) {
    Optional<Path> usable =
        cache.commit(name).map(commit -> cache.snapshot(name, commit)).filter(at -> has(at, part));
    if (settings.offline()) {
      return usable.orElseThrow(() ->
          new EngineException(
              ErrorCode.NOT_FOUND,
              "model",
              name
                  + ": not, or not wholly, in "
                  + settings.cache()
                  + " (expected: a cached model when offline; `krait pull "
                  + name
                  + "` gets it)"));
    }
    if (usable.isPresent() && isKnown(name)) {
      return usable.get();
    }
    try {
      return get(name, part);
    } catch (Attempts.Unreachable e) {
      if (usable.isPresent()) {
        notes.accept("krait: " + e.getMessage() + "; the cache has " + name);
        return usable.get();
      }
      throw refused(e);
    }
  }

  /// Gets what a model's revision holds now.
  ///
  /// @throws EngineException NOT_FOUND when it cannot be had, in words that say why
  public Path pull(ModelName name) {
    if (settings.offline()) {
      throw EngineException.invalidArgument("offline", true, "a network, to pull " + name);
    }
    try {
      return get(name, Part.MODEL);
    } catch (Attempts.Unreachable e) {
      throw refused(e);
    }
  }

  /// The models of the cache, in order.
  public List<Cached> cached() {
    return cache.names().stream()
        .flatMap(name -> cache.commit(name).map(commit -> cached(name, commit)).stream())
        .toList();
  }

  private Cached cached(ModelName name, String commit) {
    Path folder = cache.snapshot(name, commit);
    long bytes = 0;
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(file);
      }
    } catch (IOException e) {
      throw new EngineException(ErrorCode.NOT_FOUND, folder + ": " + e.getMessage(), e);
    }
    return new Cached(name, folder, bytes, ModelFiles.hasModel(folder));
  }

  /// A number of bytes for people.
  public static String size(long bytes) {
    return Progress.size(bytes);
  }

  private static boolean has(Path folder, Part part) {
    return switch (part) {
      case MODEL -> ModelFiles.hasModel(folder);
      case TOKENIZER -> Files.exists(folder.resolve(ModelFiles.TOKENIZER));
    };
  }

  /// Whether each file that there can be is here or known to be nowhere.
  private boolean isKnown(ModelName name) {
    String commit = cache.commit(name).orElseThrow();
    return ModelFiles.absent(List.of()).stream().allMatch(file -> cache.knows(name, commit, file));
  }

  private static EngineException refused(Attempts.Unreachable e) {
    return new EngineException(ErrorCode.NOT_FOUND, "model", String.valueOf(e.getMessage()), e);
  }

  private Path get(ModelName name, Part part) throws Attempts.Unreachable {
    try {
      return downloaded(name, part);
    } catch (IOException e) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "model",
          settings.cache()
              + ": "
              + e
              + " (expected: a folder that can be written; HF_HOME names another)",
          e);
    }
  }

  private Path downloaded(ModelName name, Part part) throws Attempts.Unreachable, IOException {
    HubClient.Listing listing =
        attempts.make(name.toString(), false, () -> 0, () -> client.listing(name));
    Collection<String> files = listing.files();
    String commit = listing.commit();
    Path folder = cache.snapshot(name, commit);
    if (part == Part.TOKENIZER) {
      ModelFiles.requireTokenizer(name, files);
    } else {
      ModelFiles.require(name, files);
    }
    fetch(name, commit, ModelFiles.small(files));
    if (part == Part.MODEL) {
      check.accept(folder);
      String weights = ModelFiles.weights(files).orElseThrow();
      fetch(name, commit, List.of(weights));
      fetch(name, commit, ModelFiles.shards(folder, weights));
    }
    for (String absent : ModelFiles.absent(files)) {
      cache.putAbsent(name, commit, absent);
    }
    cache.putCommit(name, commit);
    return folder;
  }

  private void fetch(ModelName name, String commit, Collection<String> files)
      throws Attempts.Unreachable, IOException {
    Path folder = cache.snapshot(name, commit);
    List<Download> downloads = new ArrayList<>();
    for (String file : files) {
      if (Files.exists(folder.resolve(file))) {
        continue;
      }
      HubClient.Metadata metadata =
          attempts.make(
              name + ", " + file, true, () -> 0, () -> client.metadata(name, commit, file));
      Path blob = cache.blob(name, metadata.etag());
      downloads.add(new Download(client, name, commit, file, metadata, blob));
    }
    run(name, downloads);
  }

  /// Downloads what is missing, several files at a time, and links all.
  private void run(ModelName name, List<Download> downloads)
      throws Attempts.Unreachable, IOException {
    Map<Path, Download> missing = new LinkedHashMap<>();
    downloads.stream()
        .filter(each -> !Files.exists(each.blob()))
        .forEach(each -> missing.putIfAbsent(each.blob(), each));
    long total =
        missing.values().stream().mapToLong(each -> Math.max(0, each.expected().bytes())).sum();
    long here = missing.values().stream().mapToLong(Download::bytes).sum();
    requireRoom(name, total - here);
    if (!missing.isEmpty()) {
      notes.accept("krait: " + name + ": downloading " + Progress.size(total - here));
    }
    Progress progress = new Progress(name.toString(), total, here, notes, System::nanoTime);
    finish(missing.values(), progress);
    for (Download each : downloads) {
      cache.link(name, each.commit(), each.file(), each.blob());
    }
  }

  private void finish(Collection<Download> missing, Progress progress)
      throws Attempts.Unreachable, IOException {
    List<Future<?>> running = new ArrayList<>();
    try (ExecutorService threads =
        Executors.newFixedThreadPool(FILES_AT_ONCE, Thread.ofVirtual().factory())) {
      for (Download each : missing) {
        running.add(
            threads.submit(() -> {
              finish(each, progress);
              return null;
            }));
      }
      try {
        for (Future<?> each : running) {
          each.get();
        }
      } finally {
        var _ = threads.shutdownNow();
      }
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case Attempts.Unreachable cause -> throw cause;
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new IllegalStateException(e);
      }
    } catch (InterruptedException e) {
      throw Attempts.interrupted();
    }
  }

  private void requireRoom(ModelName name, long bytes) throws IOException {
    long room = cache.room();
    if (bytes > room) {
      throw new EngineException(
          ErrorCode.NOT_FOUND,
          "model",
          settings.cache()
              + ": "
              + Progress.size(room)
              + " free (expected: "
              + Progress.size(bytes)
              + " for "
              + name
              + "; HF_HOME names another folder)");
    }
  }

  /// Downloads one file, unless another process has done so meanwhile.
  private void finish(Download download, Progress progress)
      throws Attempts.Unreachable, IOException {
    var _ =
        attempts.make(
            download.name() + ", " + download.file(),
            true,
            download::bytes,
            () -> {
              try (FileChannel _ = cache.lock(download.name(), download.expected().etag())) {
                if (!Files.exists(download.blob())) {
                  download.run(progress::add);
                }
                return true;
              }
            });
  }
}
