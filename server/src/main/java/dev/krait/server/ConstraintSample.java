package dev.krait.server;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.ConstraintException;
import dev.krait.constraint.Grammar;
import dev.krait.constraint.State;
import dev.krait.constraint.Vocabulary;
import dev.krait.service.SchemaJson;
import dev.krait.text.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;

/// Judges a sample of schemas by their instances, as MaskBench does: every token of a valid one
/// must be allowed, and of an invalid one some token, or its end, must not be. Times are those of
/// the thread on a processor.
final class ConstraintSample {
  private final Optional<Tokenizer> tokenizer;
  private final Optional<Vocabulary> vocabulary;
  private final boolean ordered;
  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
  private final List<Long> compileNanos = new ArrayList<>();
  private final List<Long> maskNanos = new ArrayList<>();
  private final Map<String, Integer> refused = new TreeMap<>();
  private int schemas;
  private int passed;
  private int validation;
  private int invalidation;

  ConstraintSample(
      Optional<Tokenizer> tokenizer, Optional<Vocabulary> vocabulary, boolean ordered) {
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.ordered = ordered;
  }

  /// Prints a line for each schema that does not pass, then the counts and times.
  void judge(Path sample, PrintStream out) throws IOException {
    try (InputStream file = Files.newInputStream(sample);
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(
                    sample.toString().endsWith(".gz") ? new GZIPInputStream(file) : file,
                    StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!(SchemaJson.read(sample.toString(), line) instanceof Map<?, ?> entry)
            || !(entry.get("tests") instanceof List<?> tests)) {
          throw ConstraintCommand.unreadable(sample, new IOException("a line without tests"));
        }
        judge(entry, tests, out);
      }
    }
    out.printf(
        "%d schemas, %d pass (%.1f %%); refused %d %s; %d valid instances cut off, %d invalid ones"
            + " accepted%n",
        schemas,
        passed,
        100.0 * passed / Math.max(1, schemas),
        refused.values().stream().mapToInt(Integer::intValue).sum(),
        refused,
        validation,
        invalidation);
    out.println("compile " + times(compileNanos));
    if (vocabulary.isPresent()) {
      out.println("mask " + times(maskNanos));
    }
  }

  private void judge(Map<?, ?> entry, List<?> tests, PrintStream out) {
    schemas++;
    long before = threads.getCurrentThreadCpuTime();
    Constraint constraint;
    try {
      constraint = Constraint.compile(Grammar.jsonSchema(entry.get("schema"), ordered));
    } catch (ConstraintException e) {
      refused.merge(e.keyword(), 1, Integer::sum);
      out.println(entry.get("name") + ": refused: " + e.getMessage());
      return;
    } finally {
      compileNanos.add(threads.getCurrentThreadCpuTime() - before);
    }
    boolean right = true;
    for (Object each : tests) {
      Map<?, ?> test = (Map<?, ?>) each;
      boolean valid = Boolean.TRUE.equals(test.get("valid"));
      String text = SchemaJson.write(test.get("data"));
      if (accepts(constraint, text) != valid) {
        right = false;
        validation += valid ? 1 : 0;
        invalidation += valid ? 0 : 1;
        out.println(entry.get("name") + ": " + (valid ? "cut off: " : "accepted: ") + text);
      }
    }
    passed += right ? 1 : 0;
  }

  private boolean accepts(Constraint constraint, String text) {
    if (tokenizer.isEmpty()) {
      return ConstraintCommand.Verdict.ofBytes(constraint, text.getBytes(StandardCharsets.UTF_8))
          .accepted();
    }
    Vocabulary tokens = vocabulary.orElseThrow();
    State state = constraint.start();
    for (int token : tokenizer.get().encode(text, false)) {
      long before = threads.getCurrentThreadCpuTime();
      boolean allowed = constraint.mask(state, tokens).allows(token);
      maskNanos.add(threads.getCurrentThreadCpuTime() - before);
      if (!allowed) {
        return false;
      }
      state = Objects.requireNonNull(constraint.advance(state, token, tokens));
    }
    return state.isComplete();
  }

  private static String times(List<Long> nanos) {
    Collections.sort(nanos);
    double sum = nanos.stream().mapToLong(Long::longValue).sum();
    return nanos.isEmpty()
        ? "never"
        : "%d times, us: mean %.0f, p50 %d, p99 %d, most %d"
            .formatted(
                nanos.size(),
                sum / nanos.size() / 1000,
                nanos.get(nanos.size() / 2) / 1000,
                nanos.get(nanos.size() * 99 / 100) / 1000,
                nanos.getLast() / 1000);
  }
}
