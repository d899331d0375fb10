package dev.krait.testing;

import dev.krait.cache.pool.BlockCopy;
import dev.krait.cache.pool.CacheCopy;
import dev.krait.cache.pool.CacheLayout;
import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.generation.TokenLogprobs;
import dev.krait.runner.ModelRunner;
import dev.krait.runner.PendingStep;
import dev.krait.scheduler.Sequence;
import dev.krait.scheduler.StepOutput;
import dev.krait.scheduler.StepPlan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// A runner whose model is [PrefixHash], computed only from what it was really shown through
/// blocks, slots and replay windows.
///
/// It keeps the contents of every block, and for every slot one committed state and a window of
/// inputs, exactly as a device would: rejected drafts stay where they were written, recycled slots
/// keep what the last owner left. Any wrong commit, pending count, block or slot changes the text.
public final class PrefixHashRunner implements ModelRunner {

  /// What is proposed when the plan allows drafts.
  public enum Drafting {
    /// All allowed tokens, all of them what the model will say.
    RIGHT,
    /// All allowed tokens, none of them what the model will say.
    WRONG,
    /// Some of the allowed tokens, some of them right.
    MIXED
  }

  /// A mistake made on purpose, to prove that a test can fail.
  public enum Mistake {
    /// None.
    NONE,
    /// Pending tokens are not folded into the state.
    FORGETS_PENDING,
    /// The state of a new sequence starts from what the slot's last owner left.
    KEEPS_OLD_STATE,
    /// The state is advanced over drafts before they are verified.
    COMMITS_DRAFTS,
    /// Every sequence reads its keys from its first block.
    CONFUSES_BLOCKS,
    /// States are not copied from slot to slot.
    FORGETS_COPIES,
    /// What the step before chose is taken for token 0.
    FORGETS_CHOICES
  }

  private final PrefixHash model;
  private final Drafting drafting;
  private final Mistake mistake;
  private final Random random;
  private final int blockTokens;
  private final int windowTokens;
  private final int[][] blocks;
  private final int[][] windows;
  private final long[] states;
  private final StepOutput[] outputs;
  private final int pendingSteps;
  private StepOutput output;

  /// Of the step before.
  private StepOutput before;

  private final Map<Long, Integer> committed = new HashMap<>();
  private int steps;
  private int failAtStep = -1;
  private boolean closed;

  /// A runner for the pools of a layout.
  ///
  /// @param seed of the drafts
  public PrefixHashRunner(CacheLayout layout, PrefixHash model, Drafting drafting, long seed) {
    this(layout, model, drafting, seed, Mistake.NONE, 1);
  }

  /// A runner that makes a mistake.
  ///
  /// @param pendingSteps how many steps it takes before the first is awaited
  public PrefixHashRunner(
      CacheLayout layout,
      PrefixHash model,
      Drafting drafting,
      long seed,
      Mistake mistake,
      int pendingSteps) {
    this.pendingSteps = pendingSteps;
    this.model = model;
    this.drafting = drafting;
    this.mistake = mistake;
    random = new Random(seed);
    int window = layout.demand().window();
    blockTokens = layout.demand().blockTokens();
    windowTokens = 2 * window;
    blocks = new int[layout.blocks()][blockTokens];
    windows = new int[layout.stateSlots()][windowTokens];
    states = random.longs(layout.stateSlots()).toArray();
    outputs = new StepOutput[pendingSteps];
    for (int i = 0; i < pendingSteps; i++) {
      outputs[i] = new StepOutput(layout.demand().maxSequences(), Math.max(0, window - 1));
    }
    output = outputs[0];
    before = output;
  }

  /// Makes the step with this number throw, 0 being the next first one.
  public void failAtStep(int step) {
    failAtStep = step;
  }

  /// Steps run so far.
  public int steps() {
    return steps;
  }

  /// Sequences that it holds something for.
  public int known() {
    return committed.size();
  }

  /// True once closed.
  public boolean isClosed() {
    return closed;
  }

  @Override
  public PendingStep submit(StepPlan plan) {
    if (steps++ == failAtStep) {
      throw new IllegalStateException("the device is gone");
    }
    StepOutput own = outputs[steps % pendingSteps];
    before = output;
    output = own;
    output.clear();
    for (int i = 0; i < plan.cacheCopies() && mistake != Mistake.FORGETS_COPIES; i++) {
      copy(plan.cacheCopy(i));
    }
    for (int i = 0; i < plan.size(); i++) {
      run(plan, i);
    }
    return () -> own;
  }

  @Override
  public int maxPendingSteps() {
    return pendingSteps;
  }

  @Override
  public void copy(CacheCopy copy) {
    switch (copy) {
      case SlotCopy slot -> copySlot(slot);
      case BlockCopy block -> blocks[block.to()] = blocks[block.from()].clone();
    }
  }

  @Override
  public void forget(Sequence sequence) {
    committed.remove(sequence.id());
  }

  @Override
  public void close() {
    closed = true;
  }

  private void copySlot(SlotCopy copy) {
    states[copy.to()] = states[copy.from()];
    if (copy.withWindow()) {
      windows[copy.to()] = windows[copy.from()].clone();
    }
  }

  private void run(StepPlan plan, int entry) {
    Sequence sequence = plan.sequence(entry);
    SequenceCache memory = sequence.memory();
    int first = plan.firstPosition(entry);
    int end = plan.endPosition(entry);
    int source = plan.sourceEntry(entry);
    checkPosition(sequence, first, source >= 0);

    List<Integer> rows = new ArrayList<>();
    for (int position = first; position < end; position++) {
      rows.add(source < 0 ? plan.tokenId(entry, position - first) : chosenBefore(source));
    }
    writeKeys(memory, first, rows);
    boolean windowed = plan.draftTokens(entry) > 0;
    long recurred = foldPending(memory, first, source >= 0 ? 0 : memory.pendingTokens());
    if (windowed) {
      writeWindow(memory, first, rows);
    }
    recurred = foldRows(recurred, first, rows);
    if (!windowed) {
      writeState(memory, recurred);
    }
    reportPrompt(sequence, entry, first, end);
    int newTokens = plan.choosesToken(entry) ? choose(plan, entry, recurred) : 0;
    committed.put(sequence.id(), windowed ? first + newTokens : end);
  }

  private int chosenBefore(int source) {
    return mistake == Mistake.FORGETS_CHOICES ? 0 : before.newToken(source, 0);
  }

  /// The engine's idea of what is committed must be the runner's own; a sequence may start behind a
  /// kept prefix.
  private void checkPosition(Sequence sequence, int first, boolean follows) {
    int expected = committed.getOrDefault(sequence.id(), sequence.computedTokens());
    if (first != expected || first != sequence.computedTokens() + (follows ? 1 : 0)) {
      throw new IllegalStateException(
          "sequence %d is at %d (expected: %d)".formatted(sequence.id(), first, expected));
    }
  }

  /// The state before the step's first token: the slot's, advanced over the accepted tokens in the
  /// window.
  private long foldPending(SequenceCache memory, int first, int pendingTokens) {
    int slot = memory.stateSlot();
    if (slot < 0) {
      return PrefixHash.EMPTY;
    }
    int pending = mistake == Mistake.FORGETS_PENDING ? 0 : pendingTokens;
    boolean fresh = first - pending == 0 && mistake != Mistake.KEEPS_OLD_STATE;
    long state = fresh ? PrefixHash.EMPTY : states[slot];
    for (int position = first - pending; position < first; position++) {
      state = PrefixHash.fold(state, windows[slot][position % windowTokens], position);
    }
    states[slot] = state;
    return state;
  }

  private static long foldRows(long state, int first, List<Integer> rows) {
    for (int i = 0; i < rows.size(); i++) {
      state = PrefixHash.fold(state, rows.get(i), first + i);
    }
    return state;
  }

  private void writeState(SequenceCache memory, long state) {
    if (memory.stateSlot() >= 0) {
      states[memory.stateSlot()] = state;
    }
  }

  private void writeWindow(SequenceCache memory, int first, List<Integer> rows) {
    for (int i = 0; i < rows.size() && memory.stateSlot() >= 0; i++) {
      windows[memory.stateSlot()][(first + i) % windowTokens] = rows.get(i);
    }
  }

  private void writeKeys(SequenceCache memory, int first, List<Integer> rows) {
    for (int i = 0; i < rows.size() && model.attends(); i++) {
      int position = first + i;
      block(memory, position)[position % blockTokens] = rows.get(i);
    }
  }

  private int[] block(SequenceCache memory, int position) {
    int index = mistake == Mistake.CONFUSES_BLOCKS ? 0 : position / blockTokens;
    return blocks[memory.block(index)];
  }

  /// The hash of `[0, tokens)` as the blocks have it.
  private long attend(SequenceCache memory, int tokens) {
    long hash = PrefixHash.EMPTY;
    for (int position = 0; position < tokens && model.attends(); position++) {
      hash = PrefixHash.fold(hash, block(memory, position)[position % blockTokens], position);
    }
    return hash;
  }

  /// Drafts, verifies, answers the accepted drafts and one more token.
  private int choose(StepPlan plan, int entry, long recurred) {
    Sequence sequence = plan.sequence(entry);
    SequenceCache memory = sequence.memory();
    int position = plan.endPosition(entry);
    List<Integer> drafts = draft(plan, entry, recurred);
    writeKeys(memory, position, drafts);
    writeWindow(memory, position, drafts);
    if (mistake == Mistake.COMMITS_DRAFTS && !drafts.isEmpty()) {
      writeState(memory, foldRows(recurred, position, drafts));
    }
    output.setDrafted(entry, drafts.size());
    long state = recurred;
    for (int i = 0; ; i++) {
      int token = next(sequence, attend(memory, position + i), state, position + i);
      output.addToken(entry, token, logprobs(token, sequence.request().sampling().logprobs()));
      if (i == drafts.size() || drafts.get(i) != token) {
        return i + 1;
      }
      state = PrefixHash.fold(state, token, position + i);
    }
  }

  private int next(Sequence sequence, long attended, long recurred, int position) {
    int generated = position - sequence.promptTokens();
    return model.next(attended, recurred, generated, sequence.request().stop());
  }

  private List<Integer> draft(StepPlan plan, int entry, long recurred) {
    Sequence sequence = plan.sequence(entry);
    int allowed = plan.draftTokens(entry);
    int position = plan.endPosition(entry);
    int count = drafting == Drafting.MIXED ? random.nextInt(allowed + 1) : allowed;
    List<Integer> drafts = new ArrayList<>();
    long attended = attend(sequence.memory(), position);
    long state = recurred;
    for (int i = 0; i < count; i++) {
      int right = next(sequence, attended, state, position + i);
      int token =
          isRight()
              ? right
              : (right + 1 + random.nextInt(model.vocabSize() - 1)) % model.vocabSize();
      drafts.add(token);
      attended = PrefixHash.fold(attended, token, position + i);
      state = PrefixHash.fold(state, token, position + i);
    }
    return drafts;
  }

  private boolean isRight() {
    return switch (drafting) {
      case RIGHT -> true;
      case WRONG -> false;
      case MIXED -> random.nextInt(3) > 0;
    };
  }

  private void reportPrompt(Sequence sequence, int entry, int first, int end) {
    int top = sequence.request().sampling().promptLogprobs();
    if (top < 0) {
      return;
    }
    List<TokenLogprobs> values = new ArrayList<>();
    for (int at = first + 1; at <= Math.min(end, sequence.promptTokens() - 1); at++) {
      values.add(logprobs(sequence.tokenAt(at), top));
    }
    output.setPromptLogprobs(entry, values);
  }

  private TokenLogprobs logprobs(int id, int top) {
    int count = Math.max(0, top);
    int[] topIds = new int[count];
    float[] topLogprobs = new float[count];
    for (int i = 0; i < count; i++) {
      topIds[i] = (id + i) % model.vocabSize();
      topLogprobs[i] = -0.5f - i;
    }
    return new TokenLogprobs(id, -0.5f, 0, topIds, topLogprobs);
  }
}
