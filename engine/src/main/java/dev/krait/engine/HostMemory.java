package dev.krait.engine;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Memory of the machine, or of the container that the process is limited to.
///
/// @param totalBytes all of it
/// @param availableBytes what processes can have of it now, files that can be dropped included
record HostMemory(long totalBytes, long availableBytes) {
  private static final Path LINUX = Path.of("/proc/meminfo");
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s+(\\d+) kB");

  static HostMemory read() {
    var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    // Knows the limits of control groups; what is free of such a limit also counts files.
    long total = system.getTotalMemorySize();
    return new HostMemory(total, Math.min(total, available().orElse(total)));
  }

  private static OptionalLong available() {
    try {
      Matcher line = AVAILABLE.matcher(Files.readString(LINUX));
      return line.find()
          ? OptionalLong.of(Long.parseLong(line.group(1)) << 10)
          : OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty();
    }
  }
}
