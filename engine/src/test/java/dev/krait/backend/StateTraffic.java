package dev.krait.backend;

import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.OpArgs.CausalConvArgs;
import dev.krait.backend.OpArgs.SelectiveScanArgs;
import dev.krait.backend.OpArgs.SsdScanArgs;
import dev.krait.cache.pool.CacheSpec.StateSpec;
import dev.krait.model.Activation;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.MixerWeights.Mamba1Weights;
import dev.krait.model.MixerWeights.Mamba2Weights;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.Shape;
import dev.krait.tensor.StoredMatrix;
import dev.krait.tensor.Tensor;
import dev.krait.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/// Counts what one verify step of a recurrent layer reads and writes of its cache, by experiment.
///
/// Written is what differs afterwards. Read is what makes a difference: a row (of the state, the
/// replay window or the convolution ring) is disturbed, the same step runs again from the same
/// memory, and a changed output or state says that the row was read. Bytes are fp32. The formulas
/// are those of one fused step that writes no final state: it reads the state and `1 + a` cached
/// inputs, writes the state once and caches `K + 1` new inputs.
final class StateTraffic implements AutoCloseable {
  private static final int DRAFTS = 4;
  private static final int TOKENS = DRAFTS + 1;
  private static final int FOLDED = 3;
  private static final int FIRST_POSITION = 40;

  private final Backend backend;
  private final Arena arena = Arena.ofConfined();
  private final StepInputs step;
  private final SplittableRandom random = new SplittableRandom(7);
  private final StateCache cache;
  private final StateSpec spec;
  private final Buffer output;
  private final Runnable verify;

  /// Bytes of one verify in one layer.
  ///
  /// @param stateBytes one state
  /// @param inputBytes cached inputs of one token
  /// @param stateRead counted, as are the next four
  /// @param stateWritten see there
  /// @param windowRead see there
  /// @param windowWritten see there
  /// @param ringRead see there
  record Report(
      long stateBytes,
      long inputBytes,
      long stateRead,
      long stateWritten,
      long windowRead,
      long windowWritten,
      long ringRead) {
    long expectedWindowRead() {
      return FOLDED * inputBytes;
    }

    long expectedWindowWritten() {
      return TOKENS * inputBytes;
    }

    /// True when the counts are those of the formulas.
    boolean holds() {
      return stateRead == stateBytes
          && stateWritten == stateBytes
          && windowRead == expectedWindowRead()
          && windowWritten == expectedWindowWritten();
    }
  }

  StateTraffic(Backend backend, Mixer mixer) {
    this.backend = backend;
    step = backend.newStep(TOKENS, 1, 1);
    spec = (StateSpec) mixer.cacheSpec().orElseThrow();
    int ring = spec.ringTokens(TOKENS);
    int window = spec.windowTokens(TOKENS);
    cache =
        new StateCache(
            randomBuffer(spec.stateElements(), -1, 1),
            randomBuffer((long) ring * spec.convChannels(), -1, 1),
            randomBuffer((long) window * spec.inputElements(), 0.01, 0.3),
            ring,
            window);
    step.tokens = TOKENS;
    step.sequences = 1;
    step.tokenCount[0] = TOKENS;
    step.firstPosition[0] = FIRST_POSITION;
    step.foldTokens[0] = FOLDED;
    for (int t = 0; t < TOKENS; t++) {
      step.positions[t] = FIRST_POSITION + t;
    }
    if (mixer instanceof Mamba1 mamba) {
      output = backend.allocate((long) TOKENS * mamba.innerDim());
      verify = verifier(mamba);
    } else if (mixer instanceof Mamba2 mamba) {
      output = backend.allocate((long) TOKENS * mamba.innerDim());
      verify = verifier(mamba);
    } else {
      throw new IllegalArgumentException("mixer: " + mixer + " (expected: Mamba1 or Mamba2)");
    }
  }

  private Buffer randomBuffer(long elements, double low, double high) {
    Buffer buffer = backend.allocate(elements);
    float[] values = new float[Math.toIntExact(elements)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextDouble(low, high);
    }
    buffer.write(0, values);
    return buffer;
  }

  private Rows rows(int columns, double low, double high) {
    return Rows.of(randomBuffer((long) TOKENS * columns, low, high), columns);
  }

  /// A matrix that no step of this class multiplies by.
  private WeightMatrix unused() {
    Tensor one = new Tensor(DType.F32, Shape.of(1, 1), arena.allocate(4, 4));
    return backend.upload(StoredMatrix.Dense.of(List.of(one)));
  }

  private Runnable verifier(Mamba1 mixer) {
    int inner = mixer.innerDim();
    Mamba1Weights weights =
        new Mamba1Weights(
            mixer,
            unused(),
            randomBuffer((long) inner * mixer.convWidth(), -1, 1),
            randomBuffer(inner, -1, 1),
            Optional.empty(),
            unused(),
            randomBuffer(inner, -3, -1),
            randomBuffer((long) inner * mixer.stateDim(), -2, -0.5),
            randomBuffer(inner, 0.5, 1),
            unused());
    Rows raw = rows(mixer.xDim(), -1, 1);
    Rows x = rows(inner, -1, 1);
    Rows timeStep = rows(inner, -1, 1);
    Rows b = rows(mixer.bGroups() * mixer.stateDim(), 0.5, 1);
    Rows c = rows(mixer.cGroups() * mixer.stateDim(), 0.5, 1);
    Rows z = rows(inner, 0.5, 1);
    Rows dst = Rows.of(output, inner);
    CausalConvArgs conv =
        new CausalConvArgs(
            x,
            raw,
            weights.conv(),
            weights.convBias(),
            mixer.convWidth(),
            mixer.groupWidth(),
            mixer.repeat(),
            Activation.SILU,
            cache);
    SelectiveScanArgs scan = new SelectiveScanArgs(dst, x, timeStep, b, c, z, weights, cache);
    return () -> {
      backend.ops().causalConv(conv, step);
      backend.ops().selectiveScan(scan, step);
    };
  }

  private Runnable verifier(Mamba2 mixer) {
    int channels = mixer.convChannels();
    Mamba2Weights weights =
        new Mamba2Weights(
            mixer,
            unused(),
            randomBuffer((long) channels * mixer.convWidth(), -1, 1),
            randomBuffer(channels, -1, 1),
            randomBuffer(mixer.heads(), -3, -1),
            randomBuffer(mixer.heads(), -2, -0.5),
            randomBuffer(mixer.heads(), 0.5, 1),
            randomBuffer(mixer.innerDim(), 0.5, 1),
            unused());
    Rows raw = rows(channels, -1, 1);
    Rows xbc = rows(channels, -1, 1);
    Rows timeStep = rows(mixer.heads(), -1, 1);
    Rows dst = Rows.of(output, mixer.innerDim());
    CausalConvArgs conv =
        new CausalConvArgs(
            xbc,
            raw,
            weights.conv(),
            weights.convBias(),
            mixer.convWidth(),
            channels,
            1,
            Activation.SILU,
            cache);
    SsdScanArgs scan = new SsdScanArgs(dst, xbc, timeStep, weights, cache);
    return () -> {
      backend.ops().causalConv(conv, step);
      backend.ops().ssdScan(scan, step);
    };
  }

  /// Runs the experiment.
  Report run() {
    float[] state = HostBuffer.floats(cache.state());
    float[] window = HostBuffer.floats(cache.window());
    float[] ring = HostBuffer.floats(cache.convRing());
    float[][] before = {state.clone(), window.clone(), ring.clone()};
    verify.run();
    float[] result = HostBuffer.floats(output).clone();
    float[] stateAfter = state.clone();
    long stateWritten = 4L * differing(state, before[0]);
    long windowWritten = 4L * differing(window, before[1]);
    long windowRead = 0;
    for (int row = 0; row < cache.windowTokens(); row++) {
      restore(state, window, ring, before);
      disturb(window, row * spec.inputElements(), spec.inputElements());
      windowRead += changes(result, stateAfter) ? 4L * spec.inputElements() : 0;
    }
    long ringRead = 0;
    for (int row = 0; row < cache.ringTokens(); row++) {
      restore(state, window, ring, before);
      disturb(ring, row * spec.convChannels(), spec.convChannels());
      ringRead += changes(result, stateAfter) ? 4L * spec.convChannels() : 0;
    }
    restore(state, window, ring, before);
    disturb(state, 0, state.length);
    long stateRead = changes(result, stateAfter) ? 4L * state.length : 0;
    return new Report(
        4L * spec.stateElements(),
        4L * spec.inputElements(),
        stateRead,
        stateWritten,
        windowRead,
        windowWritten,
        ringRead);
  }

  private static int differing(float[] now, float[] before) {
    int count = 0;
    for (int i = 0; i < now.length; i++) {
      count += now[i] != before[i] ? 1 : 0;
    }
    return count;
  }

  private static void restore(float[] state, float[] window, float[] ring, float[][] before) {
    System.arraycopy(before[0], 0, state, 0, state.length);
    System.arraycopy(before[1], 0, window, 0, window.length);
    System.arraycopy(before[2], 0, ring, 0, ring.length);
  }

  private static void disturb(float[] values, int from, int count) {
    for (int i = from; i < from + count; i++) {
      values[i] = 0.5f * values[i] + 0.25f;
    }
  }

  private boolean changes(float[] result, float[] stateAfter) {
    verify.run();
    return differing(HostBuffer.floats(output), result) > 0
        || differing(HostBuffer.floats(cache.state()), stateAfter) > 0;
  }

  @Override
  public void close() {
    arena.close();
  }
}
