package dev.krait.server;

import dev.krait.AnswerStream;
import dev.krait.Chat;
import dev.krait.Krait;
import dev.krait.Message;
import dev.krait.Options;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A conversation line by line: reads what a user says, streams replies, keeps the history.
///
/// A line that begins with `/` is for the loop itself. Run by one thread; any may interrupt.
final class ChatLoop {
  private static final String HELP =
      "/reset forgets the conversation, /system TEXT sets what the model is to keep to (none without"
          + " TEXT), /exit ends; Ctrl-C ends a reply";
  private static final String DIM = "\u001b[2m";
  private static final String PLAIN = "\u001b[0m";
  private static final double NANOS = 1e9;

  private final Krait krait;
  private final Options options;
  private final PrintStream out;
  private final PrintStream notes;
  private final boolean terminal;
  private final List<Message> messages = new ArrayList<>();
  private final AtomicReference<@Nullable AnswerStream> running = new AtomicReference<>();
  private Optional<String> system;
  private int replies;
  private long tokens;
  private long nanos;

  /// Creates it.
  ///
  /// @param system what the model is to keep to
  /// @param to where it writes
  ChatLoop(Krait krait, Options options, Optional<String> system, Output to) {
    this.krait = krait;
    this.options = options;
    this.system = system;
    this.out = to.out();
    this.notes = to.notes();
    this.terminal = to.terminal();
  }

  /// Where it writes.
  ///
  /// @param out replies
  /// @param notes everything else
  /// @param terminal whether a person reads along: prompts and reasoning are shown
  record Output(PrintStream out, PrintStream notes, boolean terminal) {}

  /// Converses until the input ends or says `/exit`; then says how fast it was.
  void run(BufferedReader in) throws IOException {
    if (terminal) {
      notes.println(HELP);
    }
    String line = ask(in);
    while (line != null && !line.strip().equals("/exit")) {
      if (line.startsWith("/")) {
        command(line.strip());
      } else if (!line.isBlank()) {
        reply(line);
      }
      line = ask(in);
    }
    notes.println(speed());
  }

  /// Ends the reply that is being written.
  ///
  /// @return false when there is none
  boolean interrupt() {
    AnswerStream reply = running.get();
    if (reply != null) {
      reply.cancel();
    }
    return reply != null;
  }

  /// How fast all replies were, in one line.
  String speed() {
    double rate = nanos == 0 ? 0 : tokens * NANOS / nanos;
    return String.format(
        Locale.ROOT, "%d replies, %d tokens, %.1f tokens/s", replies, tokens, rate);
  }

  private @Nullable String ask(BufferedReader in) throws IOException {
    if (terminal) {
      out.print("> ");
      out.flush();
    }
    return in.readLine();
  }

  private void command(String line) {
    String[] parts = line.split("\\s+", 2);
    switch (parts[0]) {
      case "/reset" -> messages.clear();
      case "/system" -> system = parts.length < 2 ? Optional.empty() : Optional.of(parts[1]);
      case "/help" -> notes.println(HELP);
      default ->
          notes.println(
              "krait: " + parts[0] + ": no such command (expected: /reset, /system, /help, /exit)");
    }
  }

  private void reply(String said) {
    List<Message> all = new ArrayList<>();
    system.ifPresent(text -> all.add(Message.system(text)));
    all.addAll(messages);
    all.add(Message.user(said));
    StringBuilder text = new StringBuilder();
    long start = System.nanoTime();
    try (AnswerStream stream =
        krait.stream(Chat.builder().messages(all).options(options).build())) {
      running.set(stream);
      try {
        stream.forEach(event -> write(event, text));
      } finally {
        running.set(null);
        replies++;
        tokens += stream.usage().completionTokens();
        nanos += System.nanoTime() - start;
      }
    } catch (EngineException e) {
      out.println();
      notes.println("krait: " + e.getMessage());
    }
    if (!text.isEmpty()) {
      out.println();
      messages.add(Message.user(said));
      messages.add(Message.assistant(text.toString()));
    }
  }

  private void write(ReplyEvent event, StringBuilder text) {
    switch (event) {
      case TextDelta delta -> {
        text.append(delta.text());
        out.print(delta.text());
      }
      case ReasoningDelta delta when terminal -> out.print(DIM + delta.text() + PLAIN);
      default -> {}
    }
    out.flush();
  }
}
