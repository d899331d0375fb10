package dev.krait.runner.mixer;

import dev.krait.backend.OpArgs.AttentionArgs;
import dev.krait.backend.OpArgs.HeadNormArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Activation;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.MixerWeights.AttentionWeights;
import dev.krait.model.Norm;
import dev.krait.runner.mixer.MixerScratch.Area;
import dev.krait.tensor.Buffer;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Attention: projection to queries, keys and values, attention proper, output projection.
final class AttentionExecutor implements MixerExecutor {
  private final Ops ops;
  private final AttentionWeights weights;
  private final Rows input;
  private final Rows output;
  private final Rows projection;
  private final AttentionArgs attention;
  private final List<HeadNormArgs> headNorms = new ArrayList<>();
  private final Optional<Rows> gate;
  private final Rows mixed;

  static void addScratch(Attention mixer, MixerScratch.Widths widths) {
    widths.include(Area.PROJECTION, mixer.projectionColumns());
    widths.include(Area.OPERAND, mixer.queryColumns());
    widths.include(Area.MIXED, mixer.outputGate() ? mixer.queryColumns() : 0);
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
            memory.scratch().rows(mixer.outputGate() ? Area.MIXED : Area.OPERAND, query),
            projection.columns(0, query),
            projection.columns(query, keyValue),
            projection.columns(query + keyValue, keyValue),
            mixer.rope().map(memory.ropes()::angles),
            memory.caches().keysAndValues(mixer.kvCache()),
            mixer);
    int gateFrom = query + 2 * keyValue;
    mixed = memory.scratch().rows(Area.OPERAND, query);
    gate = mixer.outputGate() ? Optional.of(projection.columns(gateFrom, query)) : Optional.empty();
    mixer.headNorm().ifPresent(this::bindNorms);
  }

  private void bindNorms(Norm norm) {
    Attention mixer = weights.mixer();
    Buffer queryNorm = weights.queryNorm().orElseThrow();
    Buffer keyNorm = weights.keyNorm().orElseThrow();
    int queryHeads = mixer.hasWholeNorm() ? 1 : mixer.heads();
    int keyHeads = mixer.hasWholeNorm() ? 1 : mixer.kvHeads();
    Norm ofKeys = new Norm(mixer.keyValueColumns() / keyHeads, norm.epsilon());
    headNorms.add(new HeadNormArgs(attention.queries(), queryHeads, queryNorm, norm));
    headNorms.add(new HeadNormArgs(attention.keys(), keyHeads, keyNorm, ofKeys));
  }

  @Override
  public void run(StepInputs step) {
    ops.matmul(projection, input, weights.projection(), step.tokens);
    if (weights.bias().isPresent()) {
      ops.addBias(projection, weights.bias().get(), step.tokens);
    }
    for (int i = 0; i < headNorms.size(); i++) {
      ops.headRmsNorm(headNorms.get(i), step.tokens);
    }
    ops.ropeWriteKvAttend(attention, step);
    if (gate.isPresent()) {
      ops.activateMul(mixed, gate.get(), attention.dst(), Activation.SIGMOID, step.tokens);
    }
    ops.matmul(output, mixed, weights.output(), step.tokens);
    if (weights.outputBias().isPresent()) {
      ops.addBias(output, weights.outputBias().get(), step.tokens);
    }
  }
}
