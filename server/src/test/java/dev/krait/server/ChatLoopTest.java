package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.Chat;
import dev.krait.Krait;
import dev.krait.Message;
import dev.krait.Options;
import dev.krait.server.testing.TestServer;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Conversations in the terminal, with the shipped model.
class ChatLoopTest {
  private static final Options OPTIONS = Options.builder().temperature(0).maxTokens(12).build();
  private static final String FIRST = "What is the moon?";
  private static final String SECOND = "Tell me more.";

  private static Krait krait;

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final ByteArrayOutputStream noted = new ByteArrayOutputStream();

  @BeforeAll
  static void open() {
    krait = Krait.open(TestServer.modelFolder());
  }

  @AfterAll
  static void close() {
    krait.close();
  }

  private ChatLoop loop(Options options, boolean terminal) {
    PrintStream notes = new PrintStream(noted, true, StandardCharsets.UTF_8);
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    return new ChatLoop(
        krait, options, Optional.empty(), new ChatLoop.Output(out, notes, terminal));
  }

  private List<String> converse(String... lines) throws IOException {
    loop(OPTIONS, false).run(new BufferedReader(new StringReader(String.join("\n", lines))));
    return written.toString(StandardCharsets.UTF_8).lines().toList();
  }

  private static String expected(Message... messages) {
    Chat chat = Chat.builder().messages(List.of(messages)).options(OPTIONS).build();
    return krait.chat(chat).text();
  }

  @Test
  void repliesKnowWhatWasSaid() throws IOException {
    String first = expected(Message.user(FIRST));
    String second = expected(Message.user(FIRST), Message.assistant(first), Message.user(SECOND));
    assertThat(second).isNotEqualTo(expected(Message.user(SECOND)));
    List<String> lines = new ArrayList<>(first.lines().toList());
    lines.addAll(second.lines().toList());
    assertThat(converse(FIRST, "", SECOND)).isEqualTo(lines);
  }

  @Test
  void theEndSaysHowFastItWas() throws IOException {
    converse(FIRST, "/exit", SECOND);
    assertThat(noted.toString(StandardCharsets.UTF_8).strip())
        .matches("1 replies, 12 tokens, \\d+\\.\\d tokens/s");
  }

  @Test
  void resetForgetsAndSystemIsKept() throws IOException {
    String system = "You are a pirate.";
    List<String> lines = new ArrayList<>(expected(Message.user(FIRST)).lines().toList());
    lines.addAll(expected(Message.system(system), Message.user(SECOND)).lines().toList());
    lines.addAll(expected(Message.user(SECOND)).lines().toList());
    assertThat(converse(FIRST, "/reset", "/system " + system, SECOND, "/reset", "/system", SECOND))
        .isEqualTo(lines);
  }

  @Test
  void whatIsNoCommandIsSaidAndNothingElseHappens() throws IOException {
    assertThat(converse("/rest", "/help")).isEmpty();
    assertThat(noted.toString(StandardCharsets.UTF_8))
        .contains("krait: /rest: no such command (expected: /reset")
        .contains("Ctrl-C");
  }

  @Test
  void anInterruptEndsTheReplyAndTheConversationGoesOn() throws IOException {
    PrintStream notes = new PrintStream(noted, true, StandardCharsets.UTF_8);
    ChatLoop[] loop = new ChatLoop[1];
    PrintStream out =
        new PrintStream(written, true, StandardCharsets.UTF_8) {
          @Override
          public void print(String text) {
            super.print(text);
            if (text.contains("moon")) {
              assertThat(loop[0].interrupt()).isTrue();
            }
          }
        };
    Options longer = Options.builder().temperature(0).minTokens(400).maxTokens(400).build();
    loop[0] = new ChatLoop(krait, longer, Optional.empty(), new ChatLoop.Output(out, notes, false));
    loop[0].run(new BufferedReader(new StringReader(FIRST + "\n/exit")));
    assertThat(loop[0].interrupt()).isFalse();
    assertThat(written.toString(StandardCharsets.UTF_8)).startsWith("The moon");
    assertThat(noted.toString(StandardCharsets.UTF_8))
        .contains("cancelled")
        .doesNotContain(" 400 tokens");
  }

  @Test
  void whatIsTooLongIsSaidAndForgotten() throws IOException {
    String longText = "word ".repeat(5000);
    String first = expected(Message.user(FIRST));
    assertThat(converse(longText, FIRST).stream().filter(line -> !line.isBlank()).toList())
        .isEqualTo(first.lines().filter(line -> !line.isBlank()).toList());
    assertThat(noted.toString(StandardCharsets.UTF_8)).contains("maximum context length");
  }

  @Test
  void aTerminalIsAskedForEachLine() throws IOException {
    loop(OPTIONS, true).run(new BufferedReader(new StringReader(FIRST)));
    assertThat(written.toString(StandardCharsets.UTF_8)).startsWith("> ").endsWith("> ");
    assertThat(noted.toString(StandardCharsets.UTF_8)).contains("/reset");
  }
}
