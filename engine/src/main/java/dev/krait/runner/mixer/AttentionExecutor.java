package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;

/// Attention: projection to queries, keys and values, attention proper, output projection.
final class AttentionExecutor implements MixerExecutor {
  private final Ops ops;
  private final AttentionWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final AttentionArgs attention;

  static void addScratch(Attention mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.MIXED, mixer.queryColumns());
  }

  AttentionExecutor(AttentionWeights weights, MixerMemory memory) {
    Attention mixer = weights.mixer();
    int query = mixer.queryColumns();
    int keyValue = mixer.keyValueColumns();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = memory.scratch().rows(Area.PROJECTION, mixer.projectionColumns());
    attention =
        new AttentionArgs(
            memory.scratch().rows(Area.MIXED, query),
            projection.columns(0, query),
            projection.columns(query, keyValue),
            projection.columns(query + keyValue, keyValue),
            memory.ropes().angles(mixer.rope()),
            memory.caches().keysAndValues(mixer.kvCache()),
            mixer);
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    ops.ropeWriteKvAttend(attention, step);
    ops.matmul(output, attention.dst(), weights.output(), step.tokens);
  }
}
