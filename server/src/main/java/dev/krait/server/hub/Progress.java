package dev.krait.server.hub;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/// Says how far a download is, a line every few seconds. Any thread.
final class Progress {
  private static final long LINE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final String what;
  private final long total;
  private final Consumer<String> notes;
  private final LongSupplier nanoClock;
  private final long start;
  private final long startBytes;
  private final AtomicLong bytes;
  private final AtomicLong nextLine;

  /// @param what is downloaded
  /// @param total bytes of all files; less than 1 when they are not known
  /// @param here bytes that are here already
  Progress(String what, long total, long here, Consumer<String> notes, LongSupplier nanoClock) {
    this.what = what;
    this.total = total;
    this.notes = notes;
    this.nanoClock = nanoClock;
    this.start = nanoClock.getAsLong();
    this.startBytes = here;
    this.bytes = new AtomicLong(here);
    this.nextLine = new AtomicLong(start + LINE_NANOS);
  }

  /// More bytes have come, or some were thrown away.
  void add(long count) {
    long now = nanoClock.getAsLong();
    long done = bytes.addAndGet(count);
    long due = nextLine.get();
    if (now - due >= 0 && nextLine.compareAndSet(due, now + LINE_NANOS)) {
      notes.accept("krait: " + what + ": " + line(done, now - start));
    }
  }

  private String line(long done, long nanos) {
    double perSecond = Math.max(0, done - startBytes) * 1e9 / Math.max(1, nanos);
    String left = "";
    if (total > 0 && perSecond > 0) {
      long seconds = Math.round(Math.max(0, total - done) / perSecond);
      left = String.format(Locale.ROOT, ", %d:%02d left", seconds / 60, seconds % 60);
    }
    return size(done)
        + (total > 0 ? " of " + size(total) : "")
        + ", "
        + size(Math.round(perSecond))
        + "/s"
        + left;
  }

  /// A number of bytes for people.
  static String size(long bytes) {
    return bytes < 1_000_000
        ? String.format(Locale.ROOT, "%.1f kB", bytes / 1e3)
        : bytes < 1_000_000_000
            ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
            : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
