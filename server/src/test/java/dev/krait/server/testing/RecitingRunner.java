package dev.krait.server.testing;

import dev.krait.cache.pool.CacheCopy;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenLogprobs;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/// A model that recites the same tokens to everybody, again and again; or one text after the other
/// in the turns of a conversation.
///
/// Steps can be held back: with a gate, each needs a permit.
public final class RecitingRunner implements ModelRunner {
  private volatile List<int[]> scripts;
  private final int turnToken;
  private final StepOutput output;
  private final Semaphore gate = new Semaphore(0);
  private final AtomicInteger steps = new AtomicInteger();
  private volatile int sequencesInFlight;
  private volatile boolean gated;
  private volatile boolean broken;

  /// Recites the given token ids.
  public RecitingRunner(int[] script, int capacity) {
    this(List.of(script), -1, capacity);
  }

  /// Recites as many scripts as there are turns in the prompt, the last of them.
  ///
  /// @param turnToken begins a turn of the model
  public RecitingRunner(List<int[]> scripts, int turnToken, int capacity) {
    this.scripts = List.copyOf(scripts);
    this.turnToken = turnToken;
    this.output = new StepOutput(capacity, 0);
  }

  /// From now on recites other scripts.
  public void recite(List<int[]> others) {
    scripts = List.copyOf(others);
  }

  /// From now on each step needs a permit.
  public void hold() {
    gated = true;
  }

  /// Lets so many steps pass.
  public void permit(int count) {
    gate.release(count);
  }

  /// True while a step waits for a permit.
  public boolean isHolding() {
    return gate.hasQueuedThreads();
  }

  /// Lets every step pass again.
  public void release() {
    gated = false;
    gate.release(1);
  }

  /// The next step fails as a device would.
  public void breakDown() {
    broken = true;
  }

  /// Steps begun so far.
  public int steps() {
    return steps.get();
  }

  /// Sequences of the step that was begun last, also while it waits for a permit.
  public int sequencesInFlight() {
    return sequencesInFlight;
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    return () -> run(plan);
  }

  private StepOutput run(StepPlan plan) {
    sequencesInFlight = plan.size();
    if (gated) {
      gate.acquireUninterruptibly();
    }
    steps.incrementAndGet();
    if (broken) {
      throw new IllegalStateException("the device fell off the bus");
    }
    output.clear();
    for (int i = 0; i < plan.size(); i++) {
      Sequence sequence = plan.sequence(i);
      SamplingParams sampling = sequence.request().sampling();
      if (sampling.promptLogprobs() >= 0) {
        output.setPromptLogprobs(i, promptLogprobs(sequence, plan.tokens(i)));
      }
      if (plan.choosesToken(i)) {
        int[] script = script(sequence);
        int id = script[(sequence.tokens() - sequence.promptTokens()) % script.length];
        if (sampling.logprobs() >= 0) {
          output.addToken(i, id, logprobs(id, sampling.logprobs()));
        } else {
          output.addToken(i, id, null);
        }
      }
    }
    return output;
  }

  private int[] script(Sequence sequence) {
    int turns = 0;
    for (int i = 0; i < sequence.promptTokens(); i++) {
      turns += sequence.tokenAt(i) == turnToken ? 1 : 0;
    }
    List<int[]> all = scripts;
    return all.get(Math.clamp(turns - 1, 0, all.size() - 1));
  }

  private static List<TokenLogprobs> promptLogprobs(Sequence sequence, int tokens) {
    List<TokenLogprobs> values = new ArrayList<>();
    int first = sequence.computedTokens();
    for (int at = first + 1; at <= Math.min(first + tokens, sequence.promptTokens() - 1); at++) {
      values.add(logprobs(sequence.tokenAt(at), sequence.request().sampling().promptLogprobs()));
    }
    return values;
  }

  /// Every token is the second most probable one; the id below it is the most probable.
  private static TokenLogprobs logprobs(int id, int alternatives) {
    int[] ids = new int[alternatives];
    float[] values = new float[alternatives];
    for (int i = 0; i < alternatives; i++) {
      ids[i] = i == 0 ? id - 1 : i == 1 ? id : id + i;
      values[i] = -0.5f * (i + 1);
    }
    return new TokenLogprobs(id, -1, 1, ids, values);
  }

  @Override
  public void copy(CacheCopy copy) {}

  @Override
  public void forget(Sequence sequence) {}

  @Override
  public void close() {}
}
