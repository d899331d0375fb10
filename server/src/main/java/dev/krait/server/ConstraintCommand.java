package dev.krait.server;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.ConstraintException;
import dev.krait.constraint.Grammar;
import dev.krait.constraint.State;
import dev.krait.constraint.Vocabulary;
import dev.krait.error.EngineException;
import dev.krait.service.SchemaJson;
import dev.krait.text.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Says which texts a JSON schema allows, as structured output holds them.
@Command(
    name = "constraint",
    description = "Says which JSON texts structured output allows for a schema.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ConstraintCommand implements Callable<Integer> {
  /// One schema and its instances.
  static final class One {
    @Option(
        names = "--schema",
        paramLabel = "FILE",
        required = true,
        description = "The JSON schema.")
    private Path schema = Path.of("");

    @Option(
        names = "--instances",
        paramLabel = "FILE",
        required = true,
        description = "JSON texts, one a line.")
    private Path instances = Path.of("");
  }

  /// One schema, or a sample of many.
  static final class What {
    @ArgGroup(exclusive = false)
    private @Nullable One one;

    @Option(
        names = "--sample",
        paramLabel = "FILE",
        description =
            "Instead of one schema: lines of {name, schema, tests: [{valid, data}]}, also as .gz; prints counts and times.")
    private Optional<Path> sample = Optional.empty();
  }

  @ArgGroup(multiplicity = "1")
  private What what = new What();

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "Checks the texts token by token with this model's tokenizer.")
  private Optional<Path> model = Optional.empty();

  @Option(
      names = "--ordered",
      description = "Properties come in the order of the schema only, as with strict.")
  private boolean ordered;

  private final PrintStream out;

  ConstraintCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    if (model.isEmpty()) {
      return judge(Optional.empty());
    }
    try (Tokenizer tokenizer = Tokenizer.open(model.get())) {
      return judge(Optional.of(tokenizer));
    }
  }

  private int judge(Optional<Tokenizer> tokenizer) {
    Optional<Vocabulary> vocabulary = tokenizer.map(t -> new Vocabulary(t.textTokens()));
    try {
      if (what.sample.isPresent()) {
        new ConstraintSample(tokenizer, vocabulary, ordered).judge(what.sample.get(), out);
        return Exit.OK;
      }
      One one = Objects.requireNonNull(what.one);
      return judge(one, tokenizer, vocabulary);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private int judge(One one, Optional<Tokenizer> tokenizer, Optional<Vocabulary> vocabulary)
      throws IOException {
    Constraint constraint;
    try {
      constraint =
          Constraint.compile(
              Grammar.jsonSchema(SchemaJson.read("schema", Files.readString(one.schema)), ordered));
    } catch (ConstraintException e) {
      Map<String, Object> refusal = new LinkedHashMap<>();
      refusal.put("refused", e.keyword());
      refusal.put("message", String.valueOf(e.getMessage()));
      out.println(SchemaJson.write(refusal));
      return Exit.FAILED;
    }
    try (BufferedReader lines = Files.newBufferedReader(one.instances)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isBlank()) {
          out.println(SchemaJson.write(judge(constraint, line.strip(), tokenizer, vocabulary)));
        }
      }
    }
    return Exit.OK;
  }

  private static Map<String, Object> judge(
      Constraint constraint,
      String text,
      Optional<Tokenizer> tokenizer,
      Optional<Vocabulary> vocabulary) {
    Verdict verdict =
        tokenizer.isPresent()
            ? Verdict.ofTokens(
                constraint, tokenizer.get().encode(text, false), vocabulary.orElseThrow())
            : Verdict.ofBytes(constraint, text.getBytes(StandardCharsets.UTF_8));
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("accepted", verdict.accepted);
    answer.put("at", verdict.at);
    answer.put("allowed", verdict.allowed(constraint));
    return answer;
  }

  /// How far a text is allowed.
  ///
  /// @param accepted whether all of it is, to the end
  /// @param at bytes that are allowed
  /// @param state behind them
  record Verdict(boolean accepted, int at, State state) {
    static Verdict ofBytes(Constraint constraint, byte[] text) {
      State state = constraint.start();
      for (int i = 0; i < text.length; i++) {
        State next = constraint.advance(state, new byte[] {text[i]});
        if (next == null) {
          return new Verdict(false, i, state);
        }
        state = next;
      }
      return new Verdict(state.isComplete(), text.length, state);
    }

    /// The same by masks of tokens, as a model generates it.
    static Verdict ofTokens(Constraint constraint, int[] tokens, Vocabulary vocabulary) {
      State state = constraint.start();
      int at = 0;
      for (int token : tokens) {
        State next =
            constraint.mask(state, vocabulary).allows(token)
                ? constraint.advance(state, token, vocabulary)
                : null;
        if (next == null) {
          return new Verdict(false, at, state);
        }
        state = next;
        at += vocabulary.bytes(token).length;
      }
      return new Verdict(state.isComplete(), at, state);
    }

    /// The bytes that may come next, as characters where they are ASCII; `end` for the end.
    List<String> allowed(Constraint constraint) {
      List<String> allowed = new ArrayList<>();
      for (int value : constraint.allowedBytes(state)) {
        boolean shown = value >= 0x20 && value < 0x7f;
        allowed.add(shown ? Character.toString(value) : "0x%02x".formatted(value));
      }
      if (state.isComplete()) {
        allowed.add("end");
      }
      return allowed;
    }
  }

  static EngineException unreadable(Path file, Exception cause) {
    return EngineException.invalidArgument(
        file.toString(), String.valueOf(cause.getMessage()), "lines of JSON");
  }
}
