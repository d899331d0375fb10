package dev.krait.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.krait.backend.OpArgs.GatedMatmulArgs;
import dev.krait.backend.SequenceRig.Span;
import dev.krait.model.Mixer;
import dev.krait.model.Mixer.Attention;
import dev.krait.tensor.DType;
import dev.krait.tensor.Rows;
import dev.krait.tensor.WeightMatrix;
import dev.krait.testing.TestBackends;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The same tokens give the same bits and leave the same memory however they are split into steps
/// and whoever shares a step.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SplitInvarianceTest {
  private static final int SEQUENCES = 4;
  private static final int LENGTH = 40;
  private static final long SEED = 5;

  private final Backend backend = TestBackends.open();

  @AfterAll
  void close() {
    backend.close();
  }

  static Stream<Attention> attentions() {
    return Stream.of(
        AttentionScenarios.attention(4, 2, 32, 0),
        AttentionScenarios.attention(3, 1, 18, 0),
        AttentionScenarios.attention(2, 2, 64, 11));
  }

  static List<Mixer> scans() {
    return RecurrentScenarios.mixers();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("attentions")
  void attentionDoesNotDependOnChunksOrCompany(Attention attention) {
    List<float[]> whole = whole(attend(attention));
    for (long script = 0; script < 4; script++) {
      SequenceRig rig = attend(attention);
      runInChunks(rig, script);
      OpConformanceTest.assertSameBits(rig.results(), whole);
    }
  }

  /// Kernels for few and for many tokens.
  @ParameterizedTest(name = "{0} rows")
  @ValueSource(ints = {48, 4000})
  void productsDoNotDependOnCompany(int rows) {
    OpRig bench = new OpRig(backend, SEED);
    int tokens = 300;
    int columns = 600;
    WeightMatrix weight = bench.matrix(2 * rows, columns, DType.BF16);
    float[] x = bench.values(tokens * columns, 1);
    List<float[]> whole = products(weight, x, tokens, tokens);
    for (int some : new int[] {1, 2, 4, 6, 13, 64, 100}) {
      OpConformanceTest.assertSameBits(products(weight, x, tokens, some), whole);
    }
  }

  /// The products and the gated products of all tokens, so many at a time.
  private List<float[]> products(WeightMatrix weight, float[] x, int tokens, int some) {
    int rows = weight.rows();
    float[] all = new float[tokens * rows];
    float[] gated = new float[tokens * rows / 2];
    for (int first = 0; first < tokens; first += some) {
      int count = Math.min(some, tokens - first);
      Rows in = zeros(count, weight.columns());
      int from = first * weight.columns();
      in.buffer().write(0, Arrays.copyOfRange(x, from, from + count * weight.columns()));
      Rows product = zeros(count, rows);
      backend.ops().matmul(product, in, weight, count);
      Rows gateUp = zeros(count, rows);
      Rows dst = zeros(count, rows / 2);
      backend.ops().gatedMatmul(GatedMatmulArgs.of(dst, gateUp, in, weight), count);
      copy(product, all, first * rows);
      copy(dst, gated, first * rows / 2);
    }
    return List.of(all, gated);
  }

  private Rows zeros(int count, int columns) {
    return Rows.of(backend.allocate((long) count * columns), columns);
  }

  private static void copy(Rows rows, float[] target, int to) {
    float[] values = new float[Math.toIntExact(rows.buffer().elements())];
    rows.buffer().read(0, values);
    System.arraycopy(values, 0, target, to, values.length);
  }

  private SequenceRig attend(Attention attention) {
    return new AttentionRig(new OpRig(backend, SEED), attention, 16, SEQUENCES, LENGTH);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scans")
  void scansDoNotDependOnChunksOrCompany(Mixer mixer) {
    List<float[]> whole = whole(scan(mixer));
    for (long script = 0; script < 4; script++) {
      SequenceRig rig = scan(mixer);
      runInChunks(rig, script);
      OpConformanceTest.assertSameBits(rig.results(), whole);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("scans")
  void speculationChangesNoBit(Mixer mixer) {
    List<float[]> whole = whole(scan(mixer));
    for (long script = 0; script < 8; script++) {
      SequenceRig rig = scan(mixer);
      speculate(rig, script);
      OpConformanceTest.assertSameBits(rig.results(), whole);
    }
  }

  private SequenceRig scan(Mixer mixer) {
    assumeThat(backend.missing(mixer)).isEmpty();
    return new RecurrentRig(new OpRig(backend, SEED), mixer, SEQUENCES, LENGTH);
  }

  private static List<float[]> whole(SequenceRig rig) {
    for (int s = 0; s < SEQUENCES; s++) {
      rig.step(List.of(Span.plain(s, 0, LENGTH)));
    }
    List<float[]> results = rig.results();
    assertThat(results.getFirst()).doesNotContain(Float.NaN);
    return results;
  }

  private static void runInChunks(SequenceRig rig, long script) {
    SplittableRandom random = new SplittableRandom(script);
    int[] done = new int[SEQUENCES];
    while (!finished(done)) {
      List<Span> spans = new ArrayList<>();
      for (int s = SEQUENCES - 1; s >= 0; s--) {
        int count = Math.min(LENGTH - done[s], random.nextInt(9));
        if (count > 0) {
          spans.add(Span.plain(s, done[s], count));
          done[s] += count;
        }
      }
      if (!spans.isEmpty()) {
        rig.step(spans);
      }
    }
  }

  private static boolean finished(int[] done) {
    for (int d : done) {
      if (d < LENGTH) {
        return false;
      }
    }
    return true;
  }

  /// Random rounds of replay, direct and windowed tokens, of which some suffix is rejected; a
  /// rejected token has other inputs than the one that takes its place.
  private static void speculate(SequenceRig rig, long script) {
    SplittableRandom random = new SplittableRandom(script);
    int[] committed = new int[SEQUENCES];
    int[] known = new int[SEQUENCES];
    while (!finished(committed)) {
      List<Span> spans = new ArrayList<>();
      for (int s = 0; s < SEQUENCES; s++) {
        if (committed[s] < LENGTH && random.nextInt(3) > 0) {
          round(spans, s, committed, known, random);
        }
      }
      if (!spans.isEmpty()) {
        rig.step(spans);
      }
    }
  }

  private static void round(
      List<Span> spans, int s, int[] committed, int[] known, SplittableRandom random) {
    int pending = known[s] - committed[s];
    boolean flush = known[s] == LENGTH;
    int fold = flush ? pending : random.nextInt(pending + 1);
    int held = pending - fold;
    int left = LENGTH - known[s];
    int direct = held == 0 ? Math.min(left, random.nextInt(4)) : 0;
    int room = RecurrentRig.WINDOW - held;
    boolean rejected = random.nextBoolean();
    int windowed = Math.min(left - direct, random.nextInt(room + 1));
    if (direct > 0 && windowed > 0 && rejected) {
      windowed = 0;
    }
    boolean wrong = rejected && direct == 0 && windowed > 0;
    spans.add(new Span(s, known[s], direct + windowed, direct, fold, held, wrong));
    committed[s] += fold + direct;
    known[s] += direct + (wrong ? 0 : windowed);
  }
}
