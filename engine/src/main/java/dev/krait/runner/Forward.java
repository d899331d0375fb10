package dev.krait.runner;

import dev.krait.backend.LayerCache;
import dev.krait.backend.LayerCache.KvCache;
import dev.krait.backend.LayerCache.StateCache;
import dev.krait.backend.Ops;
import dev.krait.backend.StepInputs;
import dev.krait.model.Branch;
import dev.krait.model.Mixer.Attention;
import dev.krait.model.Mixer.GatedMlp;
import dev.krait.model.Mixer.Mamba1;
import dev.krait.model.Mixer.Mamba2;
import dev.krait.model.ModelSpec;
import dev.krait.model.ModelWeights;
import dev.krait.model.ModelWeights.AttentionWeights;
import dev.krait.model.ModelWeights.BranchWeights;
import dev.krait.model.ModelWeights.GatedMlpWeights;
import dev.krait.model.ModelWeights.Mamba1Weights;
import dev.krait.model.ModelWeights.Mamba2Weights;
import dev.krait.tensor.Rows;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The interpreter of a [ModelSpec]: residual branches in order, then norm and head for the rows
/// that are asked for.
public final class Forward {
  private final ModelSpec spec;
  private final ModelWeights weights;
  private final Ops ops;
  private final Activations activations;
  private final List<BoundBranch> branches;
  private final Optional<Attention> anyAttention;

  /// A branch with its weights, its cache and its views of the activations.
  private record BoundBranch(Branch branch, BranchWeights weights, BoundMixer mixer) {}

  private sealed interface BoundMixer {}

  private record BoundAttention(
      Attention mixer,
      AttentionWeights weights,
      KvCache cache,
      Rows projection,
      Rows queries,
      Rows keys,
      Rows values,
      Rows mixed)
      implements BoundMixer {}

  private record BoundMamba1(
      Mamba1 mixer,
      Mamba1Weights weights,
      StateCache cache,
      Rows projection,
      Rows z,
      Rows x,
      Rows convolved,
      Rows selection,
      Rows b,
      Rows c,
      Rows lowRank,
      Rows timeStep,
      Rows mixed)
      implements BoundMixer {}

  private record BoundMamba2(
      Mamba2 mixer,
      Mamba2Weights weights,
      StateCache cache,
      Rows projection,
      Rows z,
      Rows xbc,
      Rows timeStep,
      Rows convolved,
      Rows mixed)
      implements BoundMixer {}

  private record BoundMlp(GatedMlpWeights weights, Rows gateUp, Rows gate, Rows up, Rows product)
      implements BoundMixer {}

  /// Binds a model to its caches and scratch memory.
  ///
  /// @param caches one cache for each branch that remembers something, in order
  public Forward(
      ModelSpec spec,
      ModelWeights weights,
      Ops ops,
      Activations activations,
      List<LayerCache> caches) {
    this.spec = spec;
    this.weights = weights;
    this.ops = ops;
    this.activations = activations;
    branches = new ArrayList<>();
    Iterator<LayerCache> nextCache = caches.iterator();
    for (int i = 0; i < spec.layers().size(); i++) {
      for (int j = 0; j < spec.layers().get(i).size(); j++) {
        Branch branch = spec.layers().get(i).get(j);
        BranchWeights branchWeights = weights.layers().get(i).get(j);
        branches.add(
            new BoundBranch(branch, branchWeights, bind(branch, branchWeights, nextCache)));
      }
    }
    anyAttention =
        branches.stream()
            .map(bound -> bound.branch().mixer())
            .filter(Attention.class::isInstance)
            .map(Attention.class::cast)
            .findFirst();
  }

  private BoundMixer bind(Branch branch, BranchWeights weights, Iterator<LayerCache> nextCache) {
    return switch (branch.mixer()) {
      case Attention mixer ->
          bindAttention(mixer, (AttentionWeights) weights.mixer(), (KvCache) nextCache.next());
      case Mamba1 mixer ->
          bindMamba1(mixer, (Mamba1Weights) weights.mixer(), (StateCache) nextCache.next());
      case Mamba2 mixer ->
          bindMamba2(mixer, (Mamba2Weights) weights.mixer(), (StateCache) nextCache.next());
      case GatedMlp mixer -> {
        int inner = mixer.intermediateDim();
        Rows gateUp = activations.projection(2 * inner);
        yield new BoundMlp(
            (GatedMlpWeights) weights.mixer(),
            gateUp,
            gateUp.columns(0, inner),
            gateUp.columns(inner, inner),
            activations.mixed(inner));
      }
    };
  }

  private BoundMixer bindAttention(Attention mixer, AttentionWeights weights, KvCache cache) {
    int query = mixer.heads() * mixer.headDim();
    int keyValue = mixer.kvHeads() * mixer.headDim();
    Rows projection = activations.projection(mixer.projectionColumns());
    return new BoundAttention(
        mixer,
        weights,
        cache,
        projection,
        projection.columns(0, query),
        projection.columns(query, keyValue),
        projection.columns(query + keyValue, keyValue),
        activations.mixed(query));
  }

  private BoundMixer bindMamba1(Mamba1 mixer, Mamba1Weights weights, StateCache cache) {
    int inner = mixer.innerDim();
    int bColumns = mixer.bGroups() * mixer.stateDim();
    int cColumns = mixer.cGroups() * mixer.stateDim();
    int rank = mixer.timeStepRank();
    Rows projection = activations.projection(mixer.projectionColumns());
    Rows selection;
    int bFrom;
    int rankFrom;
    if (mixer.selectsFromConv()) {
      selection = activations.selection(mixer.selectionColumns());
      bFrom = rank;
      rankFrom = 0;
    } else {
      selection = projection.columns(inner + mixer.xDim(), mixer.selectionColumns());
      bFrom = 0;
      rankFrom = bColumns + cColumns;
    }
    return new BoundMamba1(
        mixer,
        weights,
        cache,
        projection,
        projection.columns(0, inner),
        projection.columns(inner, mixer.xDim()),
        activations.convolved(inner),
        selection,
        selection.columns(bFrom, bColumns),
        selection.columns(bFrom + bColumns, cColumns),
        selection.columns(rankFrom, rank),
        activations.timeStep(inner),
        activations.mixed(inner));
  }

  private BoundMixer bindMamba2(Mamba2 mixer, Mamba2Weights weights, StateCache cache) {
    int inner = mixer.innerDim();
    Rows projection = activations.projection(mixer.projectionColumns());
    return new BoundMamba2(
        mixer,
        weights,
        cache,
        projection,
        projection.columns(0, inner),
        projection.columns(inner, mixer.convChannels()),
        projection.columns(inner + mixer.convChannels(), mixer.heads()),
        activations.convolved(mixer.convChannels()),
        activations.mixed(inner));
  }

  /// Runs all layers; the residual stream of every row is then complete.
  public void run(StepInputs step) {
    Rows residual = activations.residual();
    ops.embed(residual, weights.embedding(), step);
    if (anyAttention.isPresent()) {
      ops.ropeAngles(activations.cos(), activations.sin(), anyAttention.get().rope(), step);
    }
    boolean first = true;
    for (int i = 0; i < branches.size(); i++) {
      BoundBranch bound = branches.get(i);
      if (first) {
        ops.rmsNorm(
            activations.normed(),
            residual,
            bound.weights().norm(),
            bound.branch().norm(),
            step.tokens);
        first = false;
      } else {
        ops.addRmsNorm(
            activations.normed(),
            residual,
            activations.delta(),
            bound.weights().norm(),
            bound.branch().norm(),
            step.tokens);
      }
      mix(bound.mixer(), step);
    }
    ops.add(residual, activations.delta(), step.tokens);
  }

  /// Logits of some outputs of the step that ran: norm and head.
  ///
  /// @param first the first output
  /// @param count how many of them, at most the activations' output rows
  public void head(StepInputs step, int first, int count) {
    ops.gatherOutputs(activations.gathered(), activations.residual(), step, first, count);
    ops.rmsNorm(
        activations.gatheredNormed(),
        activations.gathered(),
        weights.finalNorm(),
        spec.finalNorm(),
        count);
    ops.matmul(activations.logits(), activations.gatheredNormed(), weights.head(), count);
  }

  /// Index of the largest of the vocabulary's logits in each row of the last [#head], see
  /// [Ops#argMax].
  void argMax(int[] dst, float @Nullable [] probabilities, int count) {
    ops.argMax(dst, probabilities, activations.logits(), spec.vocabSize(), count);
  }

  private void mix(BoundMixer bound, StepInputs step) {
    switch (bound) {
      case BoundAttention attention -> attend(attention, step);
      case BoundMamba1 mamba -> scan(mamba, step);
      case BoundMamba2 mamba -> scan(mamba, step);
      case BoundMlp mlp -> {
        ops.gatedMatmul(
            mlp.product(),
            mlp.gateUp(),
            mlp.gate(),
            mlp.up(),
            activations.normed(),
            mlp.weights().gateUp(),
            step.tokens);
        ops.matmul(activations.delta(), mlp.product(), mlp.weights().down(), step.tokens);
      }
    }
  }

  private void attend(BoundAttention bound, StepInputs step) {
    ops.matmul(bound.projection(), activations.normed(), bound.weights().projection(), step.tokens);
    ops.ropeWriteKvAttend(
        bound.mixed(),
        bound.queries(),
        bound.keys(),
        bound.values(),
        activations.cos(),
        activations.sin(),
        bound.cache(),
        bound.mixer(),
        step);
    ops.matmul(activations.delta(), bound.mixed(), bound.weights().output(), step.tokens);
  }

  private void scan(BoundMamba1 bound, StepInputs step) {
    Mamba1 mixer = bound.mixer();
    Mamba1Weights own = bound.weights();
    ops.matmul(bound.projection(), activations.normed(), own.projection(), step.tokens);
    ops.causalConv(
        bound.convolved(),
        bound.x(),
        own.conv(),
        own.convBias(),
        mixer.convWidth(),
        mixer.groupWidth(),
        mixer.repeat(),
        bound.cache(),
        step);
    if (own.selection().isPresent()) {
      ops.matmul(bound.selection(), bound.convolved(), own.selection().get(), step.tokens);
    }
    ops.matmul(bound.timeStep(), bound.lowRank(), own.timeStep(), step.tokens);
    ops.selectiveScan(
        bound.mixed(),
        bound.convolved(),
        bound.timeStep(),
        bound.b(),
        bound.c(),
        bound.z(),
        mixer,
        own,
        bound.cache(),
        step);
    ops.matmul(activations.delta(), bound.mixed(), own.output(), step.tokens);
  }

  private void scan(BoundMamba2 bound, StepInputs step) {
    Mamba2 mixer = bound.mixer();
    Mamba2Weights own = bound.weights();
    ops.matmul(bound.projection(), activations.normed(), own.projection(), step.tokens);
    ops.causalConv(
        bound.convolved(),
        bound.xbc(),
        own.conv(),
        own.convBias(),
        mixer.convWidth(),
        mixer.convChannels(),
        1,
        bound.cache(),
        step);
    ops.ssdScan(
        bound.mixed(), bound.convolved(), bound.timeStep(), mixer, own, bound.cache(), step);
    ops.gatedRmsNorm(
        bound.mixed(),
        bound.mixed(),
        bound.z(),
        own.norm(),
        mixer.normGroups(),
        mixer.normEpsilon(),
        step.tokens);
    ops.matmul(activations.delta(), bound.mixed(), own.output(), step.tokens);
  }
}
