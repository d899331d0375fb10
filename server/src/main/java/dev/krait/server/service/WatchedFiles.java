package dev.krait.server.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;

/// Tells whether files have changed since they were last looked at. Any thread.
public final class WatchedFiles {
  /// How long a change may go unseen.
  private static final long CHECK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final List<Path> files;
  private final LongSupplier nanoClock;
  private final AtomicReference<List<Optional<Stamp>>> seen;
  private final AtomicLong nextCheck;

  /// What changes with a file.
  private record Stamp(FileTime modified, long size, Optional<Object> identity) {
    static Optional<Stamp> of(Path file) {
      try {
        BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
        return Optional.of(
            new Stamp(now.lastModifiedTime(), now.size(), Optional.ofNullable(now.fileKey())));
      } catch (IOException e) {
        return Optional.empty();
      }
    }
  }

  /// Looks at the files now; whoever reads them does so afterwards.
  public WatchedFiles(List<Path> files, LongSupplier nanoClock) {
    this.files = List.copyOf(files);
    this.nanoClock = nanoClock;
    this.seen = new AtomicReference<>(stamps());
    this.nextCheck = new AtomicLong(nanoClock.getAsLong() + CHECK_NANOS);
  }

  /// Whether a file has changed, at most once for each change; looks once a second.
  public boolean changed() {
    long due = nextCheck.get();
    long now = nanoClock.getAsLong();
    if (files.isEmpty() || now - due < 0 || !nextCheck.compareAndSet(due, now + CHECK_NANOS)) {
      return false;
    }
    List<Optional<Stamp>> stamps = stamps();
    return !stamps.equals(seen.getAndSet(stamps));
  }

  private List<Optional<Stamp>> stamps() {
    return files.stream().map(Stamp::of).toList();
  }
}
