package dev.krait.server.hub;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.ServerMain;
import dev.krait.server.testing.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Commands that are given a model by its name.
@Tag("slow")
class ModelByNameTest {
  @TempDir Path home;

  private final FakeHub fake = new FakeHub();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream notes = new ByteArrayOutputStream();

  @BeforeEach
  void fill() throws IOException {
    try (var files = Files.list(TestServer.modelFolder())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        fake.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
  }

  @AfterEach
  void close() {
    fake.close();
  }

  private int run(String... arguments) {
    out.reset();
    notes.reset();
    Map<String, String> environment =
        new HashMap<>(
            Map.of("HF_HOME", home.toString(), "HF_ENDPOINT", fake.endpoint().toString()));
    return ServerMain.commandLine(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(notes, true, StandardCharsets.UTF_8),
            environment)
        .execute(arguments);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String notes() {
    return notes.toString(StandardCharsets.UTF_8);
  }

  private int generate(String... more) {
    List<String> arguments = new ArrayList<>(List.of("generate"));
    arguments.addAll(List.of(more));
    arguments.addAll(
        List.of("--speculation", "off", "--prompt", "Once upon a time", "--max-tokens", "4"));
    arguments.addAll(List.of("--temperature", "0"));
    return run(arguments.toArray(String[]::new));
  }

  @Test
  void aModelIsPulledListedAndServedByItsName() {
    assertThat(run("models")).isZero();
    assertThat(out()).contains("no models in the cache");

    assertThat(run("pull", "owner/name")).as(notes()).isZero();
    assertThat(out().strip())
        .isEqualTo(home + "/hub/models--owner--name/snapshots/" + fake.commit());

    assertThat(run("models")).isZero();
    assertThat(out()).startsWith("owner/name ").contains(" MB ").contains("/snapshots/");

    fake.close();
    assertThat(generate("owner/name", "--offline")).as(notes()).isZero();
    assertThat(out()).startsWith(", there was");
    assertThat(run("serve", "owner/name", "--port", "0", "--grpc-port", "0", "--warm-up"))
        .as(notes())
        .isZero();
    assertThat(out()).containsPattern("(?m)^krait: owner/name ready in ");
  }

  @Test
  void aTokenizerOfAnotherRepositoryServesAModelWithoutOne() {
    String model = TestServer.modelFolder().toString();
    assertThat(generate(model, "--tokenizer", "owner/name")).as(notes()).isZero();
    assertThat(out()).startsWith(", there was");
    assertThat(fake.downloaded()).contains("tokenizer.json").doesNotContain("model.safetensors");
  }

  @Test
  void aChatTemplateMayBeAFileOfItsOwn() throws IOException {
    Path file = Files.writeString(home.resolve("own.jinja"), "Once upon a time");
    String model = TestServer.modelFolder().toString();
    assertThat(generate(model, "--chat", "--chat-template", file.toString())).as(notes()).isZero();
    assertThat(out()).startsWith(", there was");

    assertThat(generate(model, "--chat", "--chat-template", "nowhere.jinja")).isEqualTo(1);
    assertThat(notes())
        .isEqualTo("krait: chat-template: nowhere.jinja (expected: a file with a template)\n");
  }

  @Test
  void whatCannotBeHadIsOneLine() {
    assertThat(run("serve", "owner/other", "--port", "0", "--grpc-port", "0")).isEqualTo(1);
    assertThat(notes()).startsWith("krait: owner/other: 401, no such model").hasLineCount(1);
    assertThat(run("pull", "name")).isEqualTo(1);
    assertThat(notes()).isEqualTo("krait: name: name (expected: owner/name[@revision])\n");
    assertThat(run("serve", "owner/other", "--offline", "--port", "0")).isEqualTo(1);
    assertThat(notes()).contains("expected: a cached model when offline").hasLineCount(1);
  }

  @Test
  void aFolderThatExistsIsTakenBeforeAName() {
    Path here = Path.of("").toAbsolutePath().relativize(TestServer.modelFolder().toAbsolutePath());
    assertThat(generate(here.toString())).as(notes()).isZero();
    assertThat(fake.requests()).isEmpty();
  }
}
