package dev.krait.runner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.model.FeedForward;
import dev.krait.model.GatedDeltaNet;
import dev.krait.model.LatentAttention;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ResidualBlock;
import dev.krait.model.ResidualBlock.ScaledMixer;
import dev.krait.model.ShortConv;
import dev.krait.testing.FlatMemory;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import dev.krait.testing.TracingOps;
import dev.krait.testing.TracingOps.TracingBackend;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Hidden states after every layer and the caches of every layer after 17 tokens; the first one
/// that differs is named.
class GoldenLayersTest {
  private static final double TOLERANCE = 1e-4;
  private static final int TOKENS = 17;

  /// What the oracle multiplies keys with, where this project multiplies scores.
  private static final Map<String, Float> KEY_FACTORS = Map.of("falcon-h1", 0.78f);

  static Stream<Arguments> cases() {
    return GoldenModelsTest.exactCases();
  }

  @ParameterizedTest(name = "{0} on {1}", allowZeroInvocations = true)
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
          if (part.side().isPresent()) {
            compareMemory(golden, i, part.side().get().attention(), caches, memory);
          }
          for (ScaledMixer scaled : part.mixers()) {
            compareMemory(golden, i, scaled.mixer(), caches, memory);
          }
        }
        compare(golden, "hidden." + i, tracing.ops().residual(block));
      }
      compare(golden, "hidden.final_norm", lastNorm(tracing.ops()));
    }
  }

  private static void compareMemory(
      GoldenModel golden, int layer, Mixer of, Iterator<LayerCache> caches, FlatMemory memory) {
    switch (of) {
      case Attention mixer -> compareKv(golden, layer, mixer, (KvCache) caches.next(), memory);
      case LatentAttention mixer ->
          compareLatents(golden, layer, mixer, (KvCache) caches.next(), memory);
      case Mamba1 mixer -> compareState(golden, layer, mixer, (StateCache) caches.next(), memory);
      case Mamba2 mixer -> compareState(golden, layer, mixer, (StateCache) caches.next(), memory);
      case GatedDeltaNet mixer ->
          compareState(golden, layer, mixer, (StateCache) caches.next(), memory);
      case ShortConv mixer -> {
        StateCache cache = (StateCache) caches.next();
        compareRing(golden, layer, mixer.hiddenDim(), mixer.convWidth(), cache, memory);
      }
      case FeedForward mixer -> {}
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
    read(mixer, cache, memory, keys, values);
    float factor = KEY_FACTORS.getOrDefault(golden.name(), 1f);
    for (int i = 0; i < keys.length; i++) {
      keys[i] *= factor;
    }
    compare(golden, "state.k." + layer, keys);
    compare(golden, "state.v." + layer, values);
  }

  /// Cached rows are keys and values: a latent vector and a part that all heads share.
  private static void compareLatents(
      GoldenModel golden, int layer, LatentAttention mixer, KvCache cache, FlatMemory memory) {
    float[] keys = new float[TOKENS * mixer.rowDim()];
    float[] values = new float[keys.length];
    read(mixer.attention(), cache, memory, keys, values);
    assertThat(values).isEqualTo(keys);
    float[] latents = new float[TOKENS * mixer.latentDim()];
    float[] shared = new float[TOKENS * mixer.sharedDim()];
    for (int t = 0; t < TOKENS; t++) {
      int from = t * mixer.rowDim();
      System.arraycopy(keys, from, latents, t * mixer.latentDim(), mixer.latentDim());
      System.arraycopy(
          keys, from + mixer.latentDim(), shared, t * mixer.sharedDim(), mixer.sharedDim());
    }
    compare(golden, "state.k." + layer, latents);
    compare(golden, "state.v." + layer, shared);
  }

  private static void read(
      Attention mixer, KvCache cache, FlatMemory memory, float[] keys, float[] values) {
    int headDim = mixer.headDim();
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
  }

  private static void compareState(
      GoldenModel golden, int layer, GatedDeltaNet mixer, StateCache cache, FlatMemory memory) {
    compareRing(golden, layer, mixer.convChannels(), 4, cache, memory);
    int elements = Math.toIntExact(mixer.states().stateElements());
    int from = memory.stateSlot() * elements;
    float[] committed = TestBackends.content(cache.state());
    compare(golden, "state.ssm." + layer, Arrays.copyOfRange(committed, from, from + elements));
  }

  /// The raw inputs of a convolution that has no repeats.
  private static void compareRing(
      GoldenModel golden, int layer, int channels, int width, StateCache cache, FlatMemory memory) {
    float[] ring = TestBackends.content(cache.convRing());
    float[] conv = new float[channels * width];
    for (int c = 0; c < channels; c++) {
      for (int k = 0; k < width; k++) {
        conv[c * width + k] = ring(ring, cache, memory, channels, k + 4 - width, c);
      }
    }
    compare(golden, "state.conv." + layer, conv);
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
    compareRing(golden, layer, mixer.convChannels(), 4, cache, memory);
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
