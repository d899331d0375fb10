package dev.krait.speculation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.Backend;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.runner.Drafts;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepPlan;
import dev.krait.speculation.SpeculationRig.Sizes;
import dev.krait.testing.GoldenModel;
import dev.krait.testing.TestBackends;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A draft model ends its drafts with the first that it is not sure enough of.
@Tag("slow")
class UnsureDraftsTest {
  private static final int MAX_DRAFTS = 4;
  private static final String MODEL = "llama-gqa-rope3";

  /// Always the same length and confidence; notes how many drafts came of it, and how sure.
  private static final class Recorder implements DraftLengthPolicy {
    private final double minConfidence;
    final List<Integer> drafted = new ArrayList<>();
    final List<Double> confidences = new ArrayList<>();

    Recorder(double minConfidence) {
      this.minConfidence = minConfidence;
    }

    @Override
    public int draftTokens(Sequence sequence, int runningSequences) {
      return MAX_DRAFTS;
    }

    @Override
    public double minConfidence() {
      return minConfidence;
    }

    @Override
    public void observe(Sequence sequence, int allowed, int count, int accepted) {
      if (allowed == MAX_DRAFTS) {
        drafted.add(count);
      }
    }

    @Override
    public void observeStep(
        StepPlan plan, Drafts drafts, int caughtUp, long draftNanos, long targetNanos) {
      if (plan.draftTokens(0) == MAX_DRAFTS) {
        confidences.add(drafts.confidence(0));
      }
    }

    @Override
    public boolean expectsToDraft() {
      return true;
    }

    @Override
    public void forget(Sequence sequence) {}

    @Override
    public SpeculationReport report() {
      return new AcceptanceCounts(MAX_DRAFTS)
          .report("test", 0, DraftLengthReason.FIXED, 0, List.of());
    }
  }

  private static Recorder run(double minConfidence, float temperature) {
    Recorder waiting = run(minConfidence, temperature, 1);
    Recorder ahead = run(minConfidence, temperature, 2);
    assertThat(ahead.drafted).as("submitted ahead").isEqualTo(waiting.drafted);
    assertThat(ahead.confidences).as("submitted ahead").isEqualTo(waiting.confidences);
    return waiting;
  }

  private static Recorder run(double minConfidence, float temperature, int pendingSteps) {
    Recorder recorder = new Recorder(minConfidence);
    SamplingParams sampling =
        temperature == 0
            ? SamplingParams.greedy()
            : SamplingParams.of(set -> {
              set.temperature = temperature;
              set.seed = 3;
            });
    StopConditions stop = new StopConditions(60, 0, TokenIds.of());
    int[] prompt = GoldenModel.open(MODEL).promptIds("len130");
    try (Backend backend = TestBackends.open();
        SpeculationRig rig =
            SpeculationRig.withModel(
                GoldenModel.folder(MODEL),
                GoldenModel.folder(MODEL),
                backend,
                new Sizes(MAX_DRAFTS, 1, 256, 256, 1, -1, pendingSteps),
                any -> recorder)) {
      rig.run(List.of(GenerationRequest.of("r", TokenIds.of(prompt), sampling, stop)));
    }
    return recorder;
  }

  @ParameterizedTest
  @ValueSource(floats = {0, 0.8f})
  void draftsEndWithTheFirstThatIsNotSureEnough(float temperature) {
    assertThat(run(0, temperature).drafted).as("sure or not").containsOnly(MAX_DRAFTS);
    Recorder never = run(1.1, temperature);
    assertThat(never.drafted).as("never sure").containsOnly(1);
    assertThat(never.confidences).allMatch(confidence -> confidence > 0 && confidence <= 1);
    Set<Integer> counts = new HashSet<>();
    for (double least = 0.7; least > 1e-6; least *= 0.4) {
      Recorder some = run(least, temperature);
      counts.addAll(some.drafted);
      for (int i = 0; i < some.confidences.size(); i++) {
        int count = some.drafted.get(i);
        assertThat(some.confidences.get(i) < least || count == MAX_DRAFTS)
            .as("%s drafts at %s, least %s", count, some.confidences.get(i), least)
            .isTrue();
      }
    }
    assertThat(counts).as("in between").containsAnyOf(2, 3);
  }
}
