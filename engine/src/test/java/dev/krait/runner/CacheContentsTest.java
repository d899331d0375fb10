package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.backend.Backend;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A sequence that is carried to other caches goes on with the same bits.
@Tag("slow")
class CacheContentsTest {
  private static SteppedModel open(GoldenModel model, Backend backend, int window) {
    TestBackends.assumeComputes(backend, model.folder());
    return new SteppedModel(
        model.folder(),
        backend,
        TestBackends.weights(backend),
        new ModelRig.Sizes(4, 160, 160, window));
  }

  private static CacheContents contents(SteppedModel model) {
    return new CacheContents(model.caches(), model.layout());
  }

  private static int[] blocks(SteppedModel model, FlatMemory memory) {
    int[] blocks = new int[model.layout().demand().blocksFor(memory.committedTokens())];
    for (int i = 0; i < blocks.length; i++) {
      blocks[i] = memory.block(i);
    }
    return blocks;
  }

  private static List<float[]> read(SteppedModel model, FlatMemory memory) {
    return contents(model)
        .read(memory.committedTokens(), blocks(model, memory), memory.stateSlot());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa-rope3",
        "mistral-window",
        "mil1-50-split",
        "mil2-25",
        "mamba1-hf",
        "mamba2-hf-g2",
        "jamba",
        "lfm2-moe",
        "qwen3.5",
        "kimi-linear",
        "falcon-h1",
        "zamba2"
      })
  void aSequenceGoesOnElsewhereWithTheSameBits(String name) {
    GoldenModel model = GoldenModel.open(name);
    int[] ids = model.promptIds("len130");
    try (Backend backend = TestBackends.open();
        SteppedModel from = open(model, backend, 9);
        SteppedModel to = open(model, backend, 0)) {
      for (int tokens : new int[] {1, 2, 16, 45, 96}) {
        FlatMemory source = from.memory(1);
        from.chunk(source, ids, 0, tokens);
        List<float[]> parts = read(from, source);
        List<float[]> expected = from.chunk(source, ids, tokens, ids.length - tokens);
        FlatMemory target = to.memory(2);
        to.chunk(to.memory(2), ids, 20, 50); // what another sequence has left
        target.reserve(tokens, 0);
        target.commit(tokens);
        contents(to).write(parts, tokens, blocks(to, target), target.stateSlot());
        assertThat(read(to, target)).as("read again").usingRecursiveComparison().isEqualTo(parts);
        List<float[]> actual = to.chunk(target, ids, tokens, ids.length - tokens);
        for (int i = 0; i < expected.size(); i++) {
          assertThat(actual.get(i))
              .as("%d tokens, logits %d", tokens, i)
              .isEqualTo(expected.get(i));
        }
        long words = parts.stream().mapToLong(part -> part.length).sum();
        assertThat(contents(from).bytes(tokens)).isEqualTo(4 * words);
        assertThatThrownBy(
                () -> contents(to).requireFitting(parts.subList(1, parts.size()), tokens))
            .hasMessageContaining("session: parts of ")
            .hasMessageContaining("(expected: ");
      }
    }
  }
}
