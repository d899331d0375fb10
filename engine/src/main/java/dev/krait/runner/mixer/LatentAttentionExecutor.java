package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.LatentAttention;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights.LatentAttentionWeights;
import dev.krait.model.Norm;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Latent attention: projection, norm of the latent vector, queries projected to it, attention over
/// latent rows, values and output projection.
final class LatentAttentionExecutor implements MixerExecutor {
  private final Ops ops;
  private final LatentAttentionWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final NormArgs latentNorm;
  private final AttentionArgs attention;
  private final List<Head> heads = new ArrayList<>();
  private final Rows values;

  /// Where a head's query comes from and goes to, and its latents and values.
  private record Head(Rows query, Rows absorbed, Rows latents, Rows values) {}

  static void addScratch(LatentAttention mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.CONVOLVED, mixer.heads() * mixer.rowDim());
    widths.include(Area.MIXED, mixer.heads() * mixer.rowDim());
    widths.include(Area.SELECTION, mixer.heads() * mixer.valueDim());
  }

  LatentAttentionExecutor(LatentAttentionWeights weights, MixerMemory memory) {
    LatentAttention mixer = weights.mixer();
    Attention plain = mixer.attention();
    MixerScratch scratch = memory.scratch();
    this.weights = weights;
    ops = memory.ops();
    input = memory.input();
    output = memory.output();
    projection = scratch.rows(Area.PROJECTION, mixer.projectionColumns());
    Rows rows = projection.columns(mixer.heads() * mixer.queryDim(), mixer.rowDim());
    Rows latent = rows.columns(0, mixer.latentDim());
    Norm norm = new Norm(mixer.latentDim(), mixer.normEpsilon());
    latentNorm = new NormArgs(latent, latent, weights.latentNorm(), norm);
    Rows mixed = scratch.rows(Area.MIXED, plain.queryColumns());
    Rows queries = scratch.rows(Area.CONVOLVED, plain.queryColumns());
    attention =
        new AttentionArgs(
            mixed,
            queries,
            rows,
            rows,
            Optional.empty(),
            memory.caches().keysAndValues(plain.kvCache()),
            plain);
    values = scratch.rows(Area.SELECTION, mixer.heads() * mixer.valueDim());
    for (int h = 0; h < mixer.heads(); h++) {
      heads.add(
          new Head(
              projection.columns(h * mixer.queryDim(), mixer.queryDim()),
              queries.columns(h * mixer.rowDim(), mixer.rowDim()),
              mixed.columns(h * mixer.rowDim(), mixer.latentDim()),
              values.columns(h * mixer.valueDim(), mixer.valueDim())));
    }
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    ops.rmsNorm(latentNorm, step.tokens);
    for (int h = 0; h < heads.size(); h++) {
      Head head = heads.get(h);
      ops.matmul(head.absorbed(), head.query(), weights.absorb().get(h), step.tokens);
    }
    ops.ropeWriteKvAttend(attention, step);
    for (int h = 0; h < heads.size(); h++) {
      Head head = heads.get(h);
      ops.matmul(head.values(), head.latents(), weights.values().get(h), step.tokens);
    }
    ops.matmul(output, values, weights.output(), step.tokens);
  }
}
