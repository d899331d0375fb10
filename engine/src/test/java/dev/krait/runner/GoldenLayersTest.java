package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.model.FeedForward;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ResidualBlock;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import dev.krait.testing.TracingOps;
import dev.krait.testing.TracingOps.TracingBackend;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Hidden states after every layer and the caches of every layer after 17 tokens; the first one
/// that differs is named.
class GoldenLayersTest {
  private static final double TOLERANCE = 1e-4;
  private static final int TOKENS = 17;

  static Stream<Arguments> cases() {
    return GoldenModelsTest.exactCases();
  }

  @ParameterizedTest(name = "{0} on {1}")
  @MethodSource("cases")
  void hiddenStatesAndCachesMatchLayerByLayer(String name, String backendName) {
    GoldenModel golden = GoldenModel.open(name);
    int[] ids = golden.promptIds("len17");
    TracingBackend tracing = TracingBackend.of(TestBackends.open(backendName));
    try (tracing;
        SteppedModel bench = new SteppedModel(golden.folder(), tracing, 2, 64, 64)) {
      FlatMemory memory = bench.memory(1);
      bench.chunk(memory, ids, 0, TOKENS);
      Iterator<LayerCache> caches = bench.caches().iterator();
      compare(golden, "hidden.embed", tracing.ops().residual(0));
      int block = 0;
      for (int i = 0; i < bench.model.spec().layers().size(); i++) {
        List<ResidualBlock> layer = bench.model.spec().layers().get(i);
        for (ResidualBlock part : layer) {
          block++;
          switch (part.mixers().getFirst().mixer()) {
            case Attention mixer -> compareKv(golden, i, mixer, (KvCache) caches.next(), memory);
            case Mamba1 mixer -> compareState(golden, i, mixer, (StateCache) caches.next(), memory);
            case Mamba2 mixer -> compareState(golden, i, mixer, (StateCache) caches.next(), memory);
            case FeedForward mixer -> {}
          }
        }
        compare(golden, "hidden." + i, tracing.ops().residual(block));
      }
      compare(golden, "hidden.final_norm", lastNorm(tracing.ops()));
    }
  }

  private static float[] lastNorm(TracingOps ops) {
    return ops.lastNorm();
  }

  private static void compare(GoldenModel golden, String tensor, float[] actual) {
    assertThat(GoldenModel.relativeError(actual, golden.values(tensor)))
        .as("relative error of %s", tensor)
        .isLessThan(TOLERANCE);
  }

  private static void compareKv(
      GoldenModel golden, int layer, Attention mixer, KvCache cache, FlatMemory memory) {
    int headDim = mixer.headDim();
    float[] keys = new float[TOKENS * mixer.kvHeads() * headDim];
    float[] values = new float[keys.length];
    float[] cachedKeys = TestBackends.content(cache.keys());
    float[] cachedValues = TestBackends.content(cache.values());
    int block = cache.blockTokens();
    for (int t = 0; t < TOKENS; t++) {
      for (int h = 0; h < mixer.kvHeads(); h++) {
        int base = memory.block(t / block) * mixer.kvHeads() + h;
        for (int d = 0; d < headDim; d++) {
          int to = (t * mixer.kvHeads() + h) * headDim + d;
          keys[to] = cachedKeys[(base * headDim + d) * block + t % block];
          values[to] = cachedValues[(base * block + t % block) * headDim + d];
        }
      }
    }
    compare(golden, "state.k." + layer, keys);
    compare(golden, "state.v." + layer, values);
  }

  private static void compareState(
      GoldenModel golden, int layer, Mamba1 mixer, StateCache cache, FlatMemory memory) {
    int inner = mixer.innerDim();
    int width = mixer.groupWidth();
    float[] ring = TestBackends.content(cache.convRing());
    float[] conv = new float[inner * 4];
    for (int c = 0; c < inner; c++) {
      int source = c / width / mixer.repeat() * width + c % width;
      for (int k = 0; k < 4; k++) {
        conv[c * 4 + k] = ring(ring, cache, memory, mixer.xDim(), k, source);
      }
    }
    compare(golden, "state.conv." + layer, conv);
    float[] state = new float[inner * mixer.stateDim()];
    float[] committed = TestBackends.content(cache.state());
    int from = memory.stateSlot() * state.length;
    for (int n = 0; n < mixer.stateDim(); n++) {
      for (int c = 0; c < inner; c++) {
        state[c * mixer.stateDim() + n] = committed[from + n * inner + c];
      }
    }
    compare(golden, "state.ssm." + layer, state);
  }

  private static void compareState(
      GoldenModel golden, int layer, Mamba2 mixer, StateCache cache, FlatMemory memory) {
    int channels = mixer.convChannels();
    float[] ring = TestBackends.content(cache.convRing());
    float[] conv = new float[channels * 4];
    for (int c = 0; c < channels; c++) {
      for (int k = 0; k < 4; k++) {
        conv[c * 4 + k] = ring(ring, cache, memory, channels, k, c);
      }
    }
    compare(golden, "state.conv." + layer, conv);
    int headDim = mixer.headDim();
    int stateDim = mixer.stateDim();
    float[] state = new float[mixer.innerDim() * stateDim];
    float[] committed = TestBackends.content(cache.state());
    int from = memory.stateSlot() * state.length;
    for (int h = 0; h < mixer.heads(); h++) {
      for (int n = 0; n < stateDim; n++) {
        for (int p = 0; p < headDim; p++) {
          state[(h * headDim + p) * stateDim + n] =
              committed[from + (h * stateDim + n) * headDim + p];
        }
      }
    }
    compare(golden, "state.ssm." + layer, state);
  }

  /// The raw convolution input `k` of the last four, oldest first.
  private static float ring(
      float[] ring, StateCache cache, FlatMemory memory, int channels, int k, int channel) {
    int position = TOKENS - 4 + k;
    int row = memory.stateSlot() * cache.ringTokens() + position % cache.ringTokens();
    return ring[row * channels + channel];
  }
}
