package dev.krait.server.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.loading.ModelConfig;
import dev.krait.server.hub.FakeHub.Fault;
import dev.krait.server.hub.FakeHub.Request;
import dev.krait.server.hub.Hub.Part;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
class HubTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final ModelName NAME = ModelName.parse(FakeHub.ID).orElseThrow();
  private static final String TOKEN = "hf_secretsecret";

  @TempDir Path cache;

  private final FakeHub fake = new FakeHub();
  private final List<String> notes = Collections.synchronizedList(new ArrayList<>());
  private final List<Duration> pauses = Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void close() {
    fake.close();
  }

  private Hub hub(boolean offline) {
    HubSettings settings = new HubSettings(cache, fake.endpoint(), Optional.of(TOKEN), offline);
    return new Hub(settings, notes::add, ModelConfig::require, pauses::add);
  }

  private Path locate() {
    return hub(false).locate(NAME, Part.MODEL);
  }

  private Path model() {
    return cache.resolve("models--owner--name");
  }

  private void assertWhole(Path folder) throws IOException {
    assertThat(folder).isEqualTo(model().resolve("snapshots").resolve(fake.commit()));
    for (String file : List.of("config.json", "tokenizer.json", WEIGHTS)) {
      assertThat(folder.resolve(file)).hasBinaryContent(fake.content(file));
    }
    try (var blobs = Files.list(model().resolve("blobs"))) {
      assertThat(blobs.map(blob -> blob.getFileName().toString()))
          .noneMatch(name -> name.endsWith("incomplete"));
    }
  }

  @Test
  void whatAModelNeedsComesIntoTheLayoutOfThePythonClient() throws IOException {
    for (String other :
        List.of("pytorch_model.bin", "model.gguf", "onnx/model.onnx", "README.md", "tf_model.h5")) {
      fake.put(other, "not needed");
    }
    fake.put("additional_chat_templates/rag.jinja", "{{ messages }}");

    Path folder = locate();

    assertWhole(folder);
    assertThat(fake.downloaded())
        .containsExactly(
            "additional_chat_templates/rag.jinja", "config.json", WEIGHTS, "tokenizer.json");
    assertThat(Files.readSymbolicLink(folder.resolve(WEIGHTS)))
        .isEqualTo(Path.of("../../blobs", fake.etag(WEIGHTS)));
    assertThat(Files.readSymbolicLink(folder.resolve("additional_chat_templates/rag.jinja")))
        .isEqualTo(Path.of("../../../blobs", fake.etag("additional_chat_templates/rag.jinja")));
    assertThat(model().resolve("refs/main")).hasContent(fake.commit());
    assertThat(model().resolve(".no_exist").resolve(fake.commit()).resolve("mamba_config.json"))
        .isEmptyFile();
  }

  @Test
  void aCachedModelNeedsNoHub() throws IOException {
    Path folder = locate();
    fake.requests().clear();

    assertThat(locate()).isEqualTo(folder);
    assertThat(fake.requests()).isEmpty();
    assertThat(hub(true).locate(NAME, Part.MODEL)).isEqualTo(folder);
    assertThat(hub(false).cached())
        .singleElement()
        .satisfies(cached -> {
          assertThat(cached.name()).isEqualTo(NAME);
          assertThat(cached.whole()).isTrue();
          assertThat(cached.bytes()).isGreaterThan(fake.content(WEIGHTS).length);
        });
  }

  /// As `hf download` leaves it: no list of files that there are not.
  private Path filledByAnother() throws IOException {
    Path folder = locate();
    try (var markers = Files.walk(model().resolve(".no_exist"))) {
      for (Path file : markers.filter(Files::isRegularFile).toList()) {
        Files.delete(file);
      }
    }
    fake.requests().clear();
    return folder;
  }

  @Test
  void aCacheThatAnotherProgramFilledIsComparedWithTheHubOnce() throws IOException {
    Path folder = filledByAnother();
    Files.delete(folder.resolve("tokenizer.json"));

    assertWhole(locate());
    assertThat(fake.downloaded()).isEmpty();
    int asked = fake.requests().size();
    assertWhole(locate());
    assertThat(fake.requests()).hasSize(asked);
  }

  @Test
  void aCachedModelIsServedWhenTheHubCannotBeReached() throws IOException {
    Path folder = filledByAnother();
    fake.close();
    notes.clear();

    assertThat(locate()).isEqualTo(folder);
    assertThat(notes).singleElement().asString().contains("cannot be reached", "the cache has");
    assertThat(pauses).isEmpty();
  }

  @Test
  void offlineAndNotCachedIsSaid() {
    assertThatThrownBy(() -> hub(true).locate(NAME, Part.MODEL))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("not, or not wholly, in " + cache)
        .hasMessageContaining("krait pull owner/name");
    assertThat(fake.requests()).isEmpty();
  }

  @Test
  void aModelWithoutAllOfItsWeightsIsNotServedOffline() throws IOException {
    Path folder = locate();
    Files.delete(folder.resolve(WEIGHTS));
    assertThatThrownBy(() -> hub(true).locate(NAME, Part.MODEL))
        .isInstanceOf(EngineException.class);
    assertThat(hub(true).cached()).singleElement().matches(cached -> !cached.whole());
  }

  @Test
  void aBrokenDownloadGoesOnWhereItEnded() throws IOException {
    fake.plan(WEIGHTS, Fault.cutAfter(100_000), Fault.cutAfter(70_000));

    assertWhole(locate());

    assertThat(fake.requests())
        .filteredOn(each -> each.server().equals("store"))
        .extracting(Request::range)
        .containsExactly("", "bytes=100000-", "bytes=170000-");
    assertThat(notes).anyMatch(line -> line.contains("EOF after 100000 bytes (expected: 320000)"));
    // Each attempt got further, so the count of failures began anew.
    assertThat(pauses).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(1));
  }

  @Test
  void aDownloadThatWasGivenUpGoesOnInTheNextProcess() throws IOException {
    fake.plan(WEIGHTS, Fault.cutAfter(100_000));
    fake.plan(WEIGHTS, Collections.nCopies(4, Fault.status(500)).toArray(Fault[]::new));
    assertThatThrownBy(this::locate)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("owner/name, model.safetensors")
        .hasMessageContaining("the hub answered 500");
    assertThat(model().resolve("refs/main")).doesNotExist();
    fake.requests().clear();

    assertWhole(locate());
    assertThat(fake.requests())
        .filteredOn(each -> each.server().equals("store"))
        .extracting(Request::range)
        .containsExactly("bytes=100000-");
  }

  @Test
  void aServerWithoutRangesSendsTheWholeFileAgain() throws IOException {
    fake.plan(WEIGHTS, Fault.cutAfter(100_000), Fault.instead(fake.content(WEIGHTS)));
    assertWhole(locate());
  }

  @Test
  void aPartThatTheHubDoesNotHaveIsThrownAway() throws IOException {
    fake.plan(WEIGHTS, Fault.cutAfter(100_000), Fault.status(416));
    assertWhole(locate());
    assertThat(fake.requests())
        .filteredOn(each -> each.server().equals("store"))
        .extracting(Request::range)
        .containsExactly("", "bytes=100000-", "");
  }

  @Test
  void aHubThatAlwaysSendsLessThanItSaysIsGivenUp() {
    fake.always(WEIGHTS, Fault.cutAfter(0));
    assertThatThrownBy(this::locate)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("EOF after 0 bytes (expected: 320000)");
    assertThat(pauses).extracting(Duration::toSeconds).containsExactly(1L, 2L, 4L, 8L);
  }

  @ParameterizedTest
  @ValueSource(ints = {320_000, 320_001, 400_000})
  void aWrongContentIsRefusedAfterASecondAttempt(int length) throws IOException {
    fake.always(WEIGHTS, Fault.instead(new byte[length]));
    assertThatThrownBy(this::locate)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(
            length == 320_000
                ? "(expected: " + fake.etag(WEIGHTS) + ")"
                : "more than 320000 bytes");
    assertThat(model().resolve("blobs").resolve(fake.etag(WEIGHTS))).doesNotExist();
    assertThat(hub(false).cached()).noneMatch(Hub.Cached::whole);

    fake.always(WEIGHTS, Fault.instead(fake.content(WEIGHTS)));
    assertWhole(locate());
  }

  @Test
  void aSmallFileIsCheckedToo() {
    fake.always("config.json", Fault.instead(new byte[fake.content("config.json").length]));
    assertThatThrownBy(this::locate)
        .hasMessageContaining("SHA-1")
        .hasMessageContaining(fake.etag("config.json"));
  }

  @Test
  void aBusyHubIsAskedAgainWhenItSays() throws IOException {
    fake.plan("META config.json", Fault.status(429, "Retry-After", "17"), Fault.status(503));
    fake.plan("/api/models/owner/name/revision/main", Fault.status(502));
    assertWhole(locate());
    assertThat(pauses).extracting(Duration::toSeconds).containsExactly(1L, 17L, 2L);
    assertThat(notes)
        .contains("krait: owner/name, config.json: the hub answered 429; again in 17 s");
  }

  @Test
  void theTokenGoesToTheHubAlone() throws IOException {
    assertWhole(locate());
    assertThat(fake.requests())
        .allSatisfy(each ->
            assertThat(each.authorization())
                .isEqualTo(each.server().equals("hub") ? "Bearer " + TOKEN : ""));
    assertThat(fake.requests()).anyMatch(each -> each.server().equals("store"));
    assertThat(String.join("\n", notes) + hubSettings()).doesNotContain(TOKEN);
  }

  private HubSettings hubSettings() {
    return new HubSettings(cache, fake.endpoint(), Optional.of(TOKEN), false);
  }

  @Test
  void aMirrorMaySendEverythingElsewhere() throws IOException {
    try (FakeHub mirror = new FakeHub()) {
      for (String path :
          List.of(
              "/api/models/owner/name/revision/main",
              "META config.json",
              "META tokenizer.json",
              "META " + WEIGHTS,
              "config.json",
              "tokenizer.json")) {
        mirror.plan(
            path,
            (exchange, content) ->
                Fault.status(307, "Location", fake.endpoint() + exchange.getRequestURI().toString())
                    .answer(exchange, content));
      }
      HubSettings settings = new HubSettings(cache, mirror.endpoint(), Optional.of(TOKEN), false);
      assertWhole(new Hub(settings, notes::add, _ -> {}, pauses::add).locate(NAME, Part.MODEL));
      assertThat(fake.requests()).extracting(Request::authorization).containsOnly("");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          401 | GatedRepo        | owner/name: gated (expected: a token of an account that was given access at
          403 | GatedRepo        | owner/name: gated (expected: a token of an account that was given access at
          401 | RepoNotFound     | owner/name: 401, no access (expected: a model that the account of the token
          403 | ''               | owner/name: 403, no access
          404 | RevisionNotFound | owner/name: no revision main (expected: a branch, a tag or a commit)
          404 | RepoNotFound     | owner/name: no such folder, and no such model on http://127.0.0.1
          400 | ''               | answered 400 (expected: 200); it says: because
          """)
  void aRefusalOfTheHubIsPassedOn(int status, String problem, String message) {
    fake.always(
        "/api/models/owner/name/revision/main",
        Fault.status(status, "X-Error-Code", problem, "X-Error-Message", "because"));
    assertThatThrownBy(this::locate)
        .isInstanceOf(EngineException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining(TOKEN);
    assertThat(pauses).isEmpty();
  }

  @Test
  void withoutATokenAPrivateModelIsSaidToNeedOne() {
    HubSettings settings = new HubSettings(cache, fake.endpoint(), Optional.empty(), false);
    Hub hub = new Hub(settings, notes::add, _ -> {}, pauses::add);
    ModelName other = ModelName.parse("owner/other@v1").orElseThrow();
    assertThatThrownBy(() -> hub.locate(other, Part.MODEL))
        .hasMessage(
            "owner/other@v1: 401, no such model, or one that needs a token (expected: a folder, a"
                + " public model, or HF_TOKEN)");
    fake.always("META config.json", Fault.status(401, "X-Error-Code", "GatedRepo"));
    assertThatThrownBy(() -> hub.locate(NAME, Part.MODEL))
        .hasMessageContaining("owner/name: gated (expected: HF_TOKEN, the token of an account");
  }

  @Test
  void shardsAreThoseOfTheIndex() throws IOException {
    fake.remove(WEIGHTS);
    fake.put("model-00001-of-00002.safetensors", "one");
    fake.put("model-00002-of-00002.safetensors", "two");
    fake.put("consolidated.safetensors", "the same again");
    fake.put(
        "model.safetensors.index.json",
        """
        {"weight_map": {"a": "model-00001-of-00002.safetensors",
                        "b": "model-00002-of-00002.safetensors",
                        "c": "model-00001-of-00002.safetensors"}}
        """);
    Path folder = locate();
    assertThat(folder.resolve("model-00001-of-00002.safetensors")).hasContent("one");
    assertThat(folder.resolve("consolidated.safetensors")).doesNotExist();
    Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
    assertThat(hub(false).cached()).singleElement().matches(cached -> !cached.whole());
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../../evil", "/etc/passwd", "a/b.safetensors", ""})
  void anIndexNamesFilesBesideItselfAlone(String shard) {
    fake.remove(WEIGHTS);
    fake.put("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"" + shard + "\"}}");
    assertThatThrownBy(this::locate).hasMessageContaining("names of files beside the index");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../../../../evil", "", "abc", "11111111111111111111111111111111111111111"})
  void aCommitIsFortyDigits(String commit) {
    fake.commit(commit);
    assertThatThrownBy(this::locate).hasMessageContaining("40 hexadecimal digits");
  }

  @Test
  void anEtagIsNoPath() {
    fake.always(
        "META config.json", Fault.status(200, "ETag", "\"../evil\"", "Content-Length", "1"));
    assertThatThrownBy(this::locate).hasMessageContaining("a name that a file can have");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          model.gguf          | GGUF files, which are not supported
          adapter_config.json | an adapter (expected: a whole model
          README.md           | no model: no weights
          """)
  void aRepositoryWithoutAModelIsNamedForWhatItIs(String file, String message) {
    fake.remove(WEIGHTS);
    fake.put(file, "{}");
    assertThatThrownBy(this::locate).hasMessageContaining("owner/name: " + message);
    assertThat(fake.downloaded()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"architectures": ["T5ForConditionalGeneration"]}                           | architecture: T5For
          {"architectures": ["LlamaForCausalLM"], "quantization_config": {"quant_method": "gptq"}} | gptq
          """)
  void aModelThatCannotBeServedIsRefusedBeforeItsWeightsCome(String config, String message) {
    fake.put("config.json", config);
    assertThatThrownBy(this::locate).hasMessageContaining(message);
    assertThat(fake.downloaded()).doesNotContain(WEIGHTS);
  }

  @Test
  void aTokenizerComesWithoutWeights() {
    Path folder = hub(false).locate(NAME, Part.TOKENIZER);
    assertThat(folder.resolve("tokenizer.json")).exists();
    assertThat(folder.resolve(WEIGHTS)).doesNotExist();
    fake.requests().clear();
    assertThat(hub(false).locate(NAME, Part.TOKENIZER)).isEqualTo(folder);
    assertThat(fake.requests()).isEmpty();
  }

  @Test
  void pullFollowsTheBranchAndKeepsWhatIsTheSame() throws IOException {
    Path before = locate();
    fake.commit("2".repeat(40));
    fake.put("config.json", "{\"architectures\": [\"MistralForCausalLM\"]}");
    assertThat(locate()).isEqualTo(before);
    fake.requests().clear();

    Path after = hub(false).pull(NAME);

    assertWhole(after);
    assertThat(fake.downloaded()).containsExactly("config.json");
    assertThat(locate()).isEqualTo(after);
    ModelName pinned = new ModelName(NAME.id(), "1".repeat(40));
    assertThat(hub(true).locate(pinned, Part.MODEL)).isEqualTo(before);
    assertThatThrownBy(() -> hub(true).pull(NAME)).hasMessageContaining("offline: true");
  }

  @ParameterizedTest
  @CsvSource({
    "owner/name, owner/name, main",
    "owner/name@v1.0, owner/name, v1.0",
    "owner/name@refs/pr/1, owner/name, refs/pr/1",
    "a/b, a/b, main"
  })
  void aNameHasAnOwnerAndMayHaveARevision(String text, String id, String revision) {
    assertThat(ModelName.parse(text)).contains(new ModelName(id, revision));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "name", "/owner/name", "./owner/name", "../name", "owner/name/", "a/b/c", "owner/..",
        "owner/name@", "owner/name@../x", "a--b/c", "owner/na me", "~/name", "owner/name@-x", ""
      })
  void aPathIsNoName(String text) {
    assertThat(ModelName.parse(text)).isEmpty();
  }
}
