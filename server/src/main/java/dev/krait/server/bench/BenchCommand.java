package dev.krait.server.bench;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.cpu.MachineRates;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/// Measures decode and prefill of a model beside the machine's own limits.
@Command(
    name = "bench",
    description = "Measures decode and prefill, beside the bandwidth and fma rate of the machine.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
public final class BenchCommand implements Callable<Integer> {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "Checkpoint folder; default: random weights of the Mamba-130M shape, and krait-tiny.")
  private Optional<Path> model = Optional.empty();

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the rows as JSON.")
  private Optional<Path> json = Optional.empty();

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "auto",
      description = "auto, cpu or reference; default: ${DEFAULT-VALUE}.")
  private String backendName = "auto";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Compute threads; default: every processor.")
  private Optional<Integer> threads = Optional.empty();

  @Option(
      names = "--state-traffic",
      description =
          "Instead, count what a verify of 4 drafts reads and writes of a recurrent layer's cache.")
  private boolean stateTraffic;

  private final PrintStream out;
  private final Path home;

  /// A command that prints to `out`.
  ///
  /// @param home folder of the checkout, with `models/`
  public BenchCommand(PrintStream out, Path home) {
    this.out = out;
    this.home = home;
  }

  @Override
  public Integer call() {
    OptionalInt count = threads.map(OptionalInt::of).orElse(OptionalInt.empty());
    if (stateTraffic) {
      try (Backend backend = Backends.select(backendName, count).backend()) {
        StateTraffic.lines(backend).forEach(out::println);
      }
      return 0;
    }
    MachineRates rates =
        MachineRates.measure(count.orElse(Runtime.getRuntime().availableProcessors()));
    out.println(
        String.format(
            Locale.ROOT,
            "machine: read %.1f GB/s, fp32 multiply-adds %.1f GFLOP/s",
            rates.readBytesPerSecond() / 1e9,
            rates.flopsPerSecond() / 1e9));
    Backends.Selection selected = Backends.select(backendName, count);
    List<BenchRow> rows = new ArrayList<>();
    try (Backend backend = selected.backend()) {
      out.println("backend: " + backend.describe());
      out.println(BenchRow.heading());
      if (model.isPresent()) {
        Path folder = model.get().toAbsolutePath().normalize();
        measure(String.valueOf(folder.getFileName()), folder, backend, rates, rows);
      } else {
        measureSynthetic(backend, rates, rows);
        measure("krait-tiny", home.resolve("models/krait-tiny"), backend, rates, rows);
      }
      json.ifPresent(file -> write(file, rates, backend.describe(), rows));
    }
    return 0;
  }

  private void measure(
      String name, Path folder, Backend backend, MachineRates rates, List<BenchRow> rows) {
    try (ModelBench bench = new ModelBench(name, folder, backend, rates)) {
      for (BenchRow row : bench.run()) {
        out.println(row.line());
        rows.add(row);
      }
    }
  }

  private void measureSynthetic(Backend backend, MachineRates rates, List<BenchRow> rows) {
    try {
      Path folder = Files.createTempDirectory("krait-bench");
      try {
        SyntheticMamba.write(folder);
        measure("mamba-130m", folder, backend, rates, rows);
      } finally {
        for (String name : List.of("config.json", "model.safetensors")) {
          Files.deleteIfExists(folder.resolve(name));
        }
        Files.deleteIfExists(folder);
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static void write(Path file, MachineRates rates, String backend, List<BenchRow> rows) {
    Map<String, Object> root = new LinkedHashMap<>();
    root.put("time", Instant.now().toString());
    root.put("backend", backend);
    root.put("java", Runtime.version().toString());
    root.put("processors", Runtime.getRuntime().availableProcessors());
    root.put("read_bytes_per_second", rates.readBytesPerSecond());
    root.put("fma_flops_per_second", rates.flopsPerSecond());
    root.put("rows", rows.stream().map(BenchRow::toMap).toList());
    try {
      Files.writeString(
          file, JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(root));
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
