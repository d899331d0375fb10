package dev.krait.runner;

import dev.krait.backend.OpArgs.ChooseArgs;
import dev.krait.backend.OpArgs.NormArgs;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.loading.LoadedModel;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.BlockWeights;
import dev.krait.runner.mixer.CacheTensors;
import dev.krait.runner.mixer.MixerExecutor;
import dev.krait.runner.mixer.MixerMemory;
import dev.krait.runner.mixer.MixerScratch;
import dev.krait.runner.mixer.RopeTables;
import dev.krait.runner.mixer.SidePathExecutor;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The interpreter of a model: residual blocks in order, then norm and head for the rows that are
/// asked for.
public final class Forward {
  private final ModelSpec spec;
  private final ModelWeights weights;
  private final Ops ops;
  private final Activations activations;
  private final RopeTables ropes;
  private final List<BoundBlock> blocks = new ArrayList<>();
  private final NormArgs finalNorm;
  private final ChooseArgs choice;

  /// A residual block, bound to its memory.
  private record BoundBlock(
      Optional<SidePathExecutor> side,
      NormArgs norm,
      List<BoundMixer> mixers,
      boolean normsOutput) {}

  /// A mixer of a block, where its output goes and what that is multiplied with.
  private record BoundMixer(MixerExecutor executor, Rows output, float scale) {}

  /// Binds a model to its caches and to memory for steps of up to `maxTokens` rows.
  ///
  /// @param probabilities whether the probabilities of chosen tokens are wanted
  public Forward(
      LoadedModel model,
      Activations activations,
      CacheTensors caches,
      int maxTokens,
      boolean probabilities) {
    this.activations = activations;
    spec = model.spec();
    choice = new ChooseArgs(activations.logits(), spec.vocabSize(), probabilities);
    weights = model.weights();
    ops = model.backend().ops();
    ropes = new RopeTables(model.backend(), maxTokens);
    finalNorm =
        new NormArgs(
            activations.gatheredNormed(),
            activations.gathered(),
            weights.finalNorm(),
            spec.finalNorm());
    MixerScratch.Widths widths = new MixerScratch.Widths();
    spec.mixers().forEach(mixer -> MixerExecutor.addScratch(mixer, widths));
    MixerScratch scratch = new MixerScratch(model.backend(), widths, maxTokens);
    for (BlockWeights block : weights.blocks()) {
      blocks.add(bind(block, scratch, caches));
    }
  }

  private BoundBlock bind(BlockWeights block, MixerScratch scratch, CacheTensors caches) {
    List<BoundMixer> mixers = new ArrayList<>();
    boolean after = block.block().normsOutput();
    Rows input = after ? activations.residual() : activations.normed();
    Optional<SidePathExecutor> side =
        block
            .side()
            .map(own ->
                new SidePathExecutor(
                    own,
                    activations.side().orElseThrow(),
                    new MixerMemory(ops, caches, scratch, ropes, input, activations.delta())));
    for (int i = 0; i < block.mixers().size(); i++) {
      Rows output = i == 0 ? activations.delta() : activations.moreDelta();
      MixerMemory memory = new MixerMemory(ops, caches, scratch, ropes, input, output);
      MixerExecutor executor = MixerExecutor.bind(block.mixers().get(i), memory);
      mixers.add(new BoundMixer(executor, output, block.block().mixers().get(i).scale()));
    }
    NormArgs norm =
        new NormArgs(
            after ? activations.delta() : activations.normed(),
            after
                ? activations.delta()
                : side.map(SidePathExecutor::sum).orElseGet(activations::residual),
            block.norm(),
            block.block().norm());
    return new BoundBlock(side, norm, mixers, after);
  }

  /// Runs all layers; the residual stream of every row is then complete.
  public void run(StepInputs step) {
    Rows residual = activations.residual();
    if (activations.side().isPresent()) {
      ops.embed(activations.side().get().embedding(), weights.embedding(), step);
    }
    ops.embed(residual, weights.embedding(), step);
    if (spec.embeddingScale() != 1) {
      ops.scale(residual, spec.embeddingScale(), step.tokens);
    }
    ropes.compute(ops, step);
    for (int i = 0; i < blocks.size(); i++) {
      BoundBlock block = blocks.get(i);
      boolean plain = !block.normsOutput() && block.side().isEmpty();
      if (i > 0 && !plain) {
        ops.add(residual, activations.delta(), step.tokens);
      }
      if (block.side().isPresent()) {
        block.side().get().run(step);
      }
      if (block.normsOutput()) {
        mix(block, step);
        ops.rmsNorm(block.norm(), step.tokens);
      } else {
        if (i > 0 && plain) {
          ops.addRmsNorm(block.norm(), activations.delta(), step.tokens);
        } else {
          ops.rmsNorm(block.norm(), step.tokens);
        }
        mix(block, step);
      }
    }
    ops.add(residual, activations.delta(), step.tokens);
  }

  /// Adds up in `delta` what the mixers of a block compute.
  private void mix(BoundBlock block, StepInputs step) {
    for (int i = 0; i < block.mixers().size(); i++) {
      BoundMixer mixer = block.mixers().get(i);
      mixer.executor().run(step);
      if (mixer.scale() != 1) {
        ops.scale(mixer.output(), mixer.scale(), step.tokens);
      }
      if (i > 0) {
        ops.add(activations.delta(), mixer.output(), step.tokens);
      }
    }
  }

  /// Logits of some rows of the step that ran: norm and head.
  ///
  /// @param first the first output
  /// @param count how many of them, at most the activations' output rows
  public void computeLogits(StepInputs step, int first, int count) {
    ops.gatherOutputs(activations.gathered(), activations.residual(), step, first, count);
    ops.rmsNorm(finalNorm, count);
    ops.matmul(activations.logits(), activations.gatheredNormed(), weights.head(), count);
    if (spec.logitScale() != 1) {
      ops.scale(activations.logits(), spec.logitScale(), count);
    }
  }

  /// Chooses the tokens of some rows of the last [#head].
  ///
  /// @param first the first output of that head
  void choose(StepInputs step, int first, int count) {
    ops.chooseTokens(choice, step, first, count);
  }
}
