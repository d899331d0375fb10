package dev.krait.benchmarks;

import static java.util.Objects.requireNonNull;

import dev.krait.backend.Backend;
import dev.krait.backend.Backends;
import dev.krait.backend.MachineRates;
import dev.krait.backend.NumericMode;
import dev.krait.backend.cpu.machine.ProcessorRates;
import dev.krait.engine.EngineConfig;
import dev.krait.error.EngineException;
import dev.krait.loading.ModelLoader;
import dev.krait.loading.StoredType;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// Measures decode and prefill of a model beside the machine's own limits.
@Command(
    name = "bench",
    description =
        "Measures decode and prefill, beside the read rate and the product rate of the machine.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class BenchCommand implements Callable<Integer> {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "Checkpoint folder; default: random weights of the Mamba-130M shape, and krait-tiny.")
  private Optional<Path> model = Optional.empty();

  @Option(
      names = "--draft-model",
      paramLabel = "DIR",
      description =
          "Instead, measures speculation: verify and draft steps, and iterations of --model with"
              + " this draft model.")
  private Optional<Path> draftModel = Optional.empty();

  @Option(
      names = "--draft-tokens",
      paramLabel = "N",
      defaultValue = "4",
      description =
          "With --draft-model: drafts of an iteration, 1 to 16; default: ${DEFAULT-VALUE}.")
  private int draftTokens;

  @Option(
      names = "--tokens-per-iteration",
      paramLabel = "X",
      defaultValue = "3",
      description =
          "With --draft-model: mean of the tokens that an iteration gives, whatever the models say,"
              + " from 1 to the drafts and one more; default: ${DEFAULT-VALUE}.")
  private double tokensPerIteration;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the rows as JSON.")
  private Optional<Path> json = Optional.empty();

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = EngineConfig.DEFAULT_BACKEND,
      description = "auto, cuda, cpu or reference; default: ${DEFAULT-VALUE}.")
  private String backendName = EngineConfig.DEFAULT_BACKEND;

  @Option(
      names = "--numerics",
      paramLabel = "MODE",
      description = "exact or bf16; default: the backend's fastest that fits the weights.")
  private Optional<NumericMode> numerics = Optional.empty();

  @Option(
      names = "--batch",
      paramLabel = "N,N,...",
      split = ",",
      defaultValue = "1,8,16",
      description = "Sequences that decode together; default: ${DEFAULT-VALUE}.")
  private int[] batches = {1, 8, 16};

  @Option(
      names = "--context",
      paramLabel = "N",
      defaultValue = "0",
      description = "Tokens that each sequence has before it decodes; default: ${DEFAULT-VALUE}.")
  private int context;

  @Option(
      names = "--prompt",
      paramLabel = "N,N,...",
      split = ",",
      description =
          "Lengths of prompts, computed in steps as large as a server's; default: 512 or as many as"
              + " the model allows.")
  private int[] prompts = {};

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Compute threads; default: every processor.")
  private Optional<Integer> threads = Optional.empty();

  @Spec private @Nullable CommandSpec spec;

  private static final int MAX_THREADS = 1024;
  private static final int MAX_DRAFTS = 16;
  private static final int MAX_BATCH = 512;

  private final PrintStream out;
  private final Path home;

  /// A command that prints to `out`.
  ///
  /// @param home folder of the checkout, with `models/`
  BenchCommand(PrintStream out, Path home) {
    this.out = out;
    this.home = home;
  }

  @Override
  public Integer call() {
    OptionalInt count = threads.map(OptionalInt::of).orElse(OptionalInt.empty());
    requireAll();
    try (Backend backend = Backends.select(backendName, count, this::allows).backend()) {
      measureAll(backend, count.orElse(Runtime.getRuntime().availableProcessors()));
    }
    return 0;
  }

  private boolean allows(NumericMode mode) {
    if (numerics.isPresent()) {
      return mode == numerics.get();
    }
    if (model.isEmpty()) {
      return true;
    }
    try (ModelLoader loader = ModelLoader.open(model.get())) {
      return loader.fits(mode, StoredType.STORED);
    }
  }

  /// Refuses what would fail after minutes of measuring.
  private void requireAll() {
    threads
        .filter(count -> count < 1 || count > MAX_THREADS)
        .ifPresent(count -> {
          throw EngineException.invalidArgument("threads", count, "1 to " + MAX_THREADS);
        });
    for (int batch : batches) {
      if (batch < 1 || batch > MAX_BATCH) {
        throw EngineException.invalidArgument("batch", batch, "1 to " + MAX_BATCH);
      }
    }
    loads().requireFit(model.orElse(shipped()));
    draftModel.ifPresent(this::requireSpeculation);
    json.ifPresent(JsonReport::requireWritable);
  }

  private ModelBench.Loads loads() {
    return new ModelBench.Loads(
        Arrays.stream(batches).boxed().toList(), context, Arrays.stream(prompts).boxed().toList());
  }

  private void requireSpeculation(Path draft) {
    ModelBench.measurableTokens(draft);
    if (draftTokens < 1 || draftTokens > MAX_DRAFTS) {
      throw EngineException.invalidArgument("draft-tokens", draftTokens, "1 to " + MAX_DRAFTS);
    }
    if (!(tokensPerIteration >= 1 && tokensPerIteration <= draftTokens + 1)) {
      throw EngineException.invalidArgument(
          "tokens-per-iteration", tokensPerIteration, "1 to " + (draftTokens + 1));
    }
  }

  private Path shipped() {
    return home.resolve("models/krait-tiny");
  }

  private void measureAll(Backend backend, int threadCount) {
    MachineRates rates =
        backend.measureRates().orElseGet(() -> ProcessorRates.measure(threadCount));
    out.println(
        String.format(
            Locale.ROOT,
            "machine: read %.1f GB/s, products %.1f TFLOP/s",
            rates.readBytesPerSecond() / 1e9,
            rates.flopsPerSecond() / 1e12));
    out.println("backend: " + backend.describe() + ", numerics " + backend.numericMode().text());
    if (draftModel.isPresent()) {
      measureSpeculation(backend, rates, draftModel.get());
      return;
    }
    List<BenchRow> rows = new ArrayList<>();
    out.println(BenchRow.heading());
    if (model.isPresent()) {
      Path folder = model.get().toAbsolutePath().normalize();
      measure(String.valueOf(folder.getFileName()), folder, backend, rates, rows);
    } else {
      measureSynthetic(backend, rates, rows);
      measure("krait-tiny", shipped(), backend, rates, rows);
    }
    json.ifPresent(file ->
        write(file, rates, backend.describe(), rows.stream().map(BenchRow::toMap).toList()));
  }

  private void measure(
      String name, Path folder, Backend backend, MachineRates rates, List<BenchRow> rows) {
    try (ModelBench bench = new ModelBench(name, folder, backend, rates, loads())) {
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

  private void measureSpeculation(Backend backend, MachineRates rates, Path draft) {
    Path target = model.orElse(shipped());
    out.println(
        String.format(
            Locale.ROOT, "%d drafts, %.2f tokens an iteration", draftTokens, tokensPerIteration));
    out.println(SpeculationRow.heading());
    try (SpeculationBench bench =
        new SpeculationBench(target, draft, backend, draftTokens, tokensPerIteration)) {
      List<SpeculationRow> rows = bench.run();
      rows.forEach(row -> out.println(row.line()));
      json.ifPresent(file ->
          write(
              file, rates, backend.describe(), rows.stream().map(SpeculationRow::toMap).toList()));
    }
  }

  private void write(
      Path file, MachineRates rates, String backend, List<Map<String, Object>> rows) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("card", backend);
    facts.put("java", Runtime.version().toString());
    facts.put("processors", Runtime.getRuntime().availableProcessors());
    facts.put("read_bytes_per_second", rates.readBytesPerSecond());
    facts.put("product_flops_per_second", rates.flopsPerSecond());
    String command =
        String.join(" ", requireNonNull(spec).root().commandLine().getParseResult().originalArgs());
    for (int i = 0; i < rows.size(); i++) {
      rows.get(i).put("row", i + 1);
      rows.get(i).put("command", command);
    }
    JsonReport.write(file, facts, rows);
  }
}
