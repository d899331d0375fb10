package dev.krait.scheduler;

import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.cache.sequence.SequenceCache;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.GenerationStats;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import dev.krait.sampling.LogitsProcessors;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// A sequence as the scheduler keeps it: tokens, memory, counts and the stream to its reader.
final class ActiveSequence implements Sequence, Comparable<ActiveSequence> {
  private static final int FIRST_OUTPUT = 32;

  private final long id;
  private final TokenStream stream;
  private final GenerationRequest request;
  private final LogitsProcessors logitsProcessors;
  private final PrefixKey prefixKey;
  private final int promptTokens;
  private int[] ids;
  private int tokens;
  private int computed;

  /// Computed tokens and those of steps in flight.
  private int scheduled;

  /// Its entry in the plan that was submitted last.
  private int submittedEntry;

  private @Nullable SequenceCache memory;
  private SequenceStatus status = SequenceStatus.WAITING;
  private boolean everRan;
  private long firstScheduledNanos;
  private long firstTokenNanos;
  private int cachedTokens;
  private int draftedTokens;
  private int acceptedTokens;
  private int preemptions;

  private int plannedTokens;
  private int plannedDrafts;

  ActiveSequence(long id, TokenStream stream) {
    this.id = id;
    this.stream = stream;
    request = stream.request();
    logitsProcessors = LogitsProcessors.of(request);
    prefixKey = new PrefixKey(request.promptIds(), request.cacheSalt());
    promptTokens = request.promptIds().size();
    ids = new int[promptTokens + Math.min(request.stop().maxTokens(), FIRST_OUTPUT)];
    request.promptIds().copyTo(ids, 0);
    tokens = promptTokens;
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public GenerationRequest request() {
    return request;
  }

  @Override
  public int promptTokens() {
    return promptTokens;
  }

  @Override
  public int tokens() {
    return tokens;
  }

  @Override
  public int computedTokens() {
    return computed;
  }

  @Override
  public int tokenAt(int position) {
    if (position >= tokens) {
      throw new IndexOutOfBoundsException(position + " of " + tokens);
    }
    return ids[position];
  }

  @Override
  public LogitsProcessors logitsProcessors() {
    return logitsProcessors;
  }

  @Override
  public SequenceCache memory() {
    SequenceCache held = memory;
    if (held == null) {
      throw new EngineException(
          ErrorCode.INTERNAL, "memory of sequence " + id + ": none (expected: a running one)");
    }
    return held;
  }

  /// Lower priority number first, then earlier arrival.
  @Override
  public int compareTo(ActiveSequence other) {
    int byPriority = Integer.compare(request.priority(), other.request.priority());
    return byPriority != 0 ? byPriority : Long.compare(id, other.id);
  }

  TokenStream stream() {
    return stream;
  }

  /// What is looked up of its prompt.
  PrefixKey prefixKey() {
    return prefixKey;
  }

  SequenceStatus status() {
    return status;
  }

  /// True from its first admission on, so that the bound on waiting ones no longer counts it.
  boolean everRan() {
    return everRan;
  }

  /// Known and drafted tokens that are computed or being computed.
  int scheduledTokens() {
    return scheduled;
  }

  /// A submitted step has tokens of it.
  boolean isInFlight() {
    return scheduled > computed;
  }

  /// Tokens that steps in flight compute.
  int tokensInFlight() {
    return scheduled - computed;
  }

  /// Its entry in the plan that was submitted last.
  int submittedEntry() {
    return submittedEntry;
  }

  int leftTokens() {
    return tokens - computed;
  }

  int generatedTokens() {
    return tokens - promptTokens;
  }

  int leftOutput() {
    return request.stop().maxTokens() - generatedTokens();
  }

  /// The next token to compute was generated, not given.
  boolean isPastPrompt() {
    return computed >= promptTokens;
  }

  /// Its prompt's logprobs are wanted, so that all of the prompt must be computed.
  boolean reportsPrompt() {
    return request.sampling().promptLogprobs() >= 0;
  }

  /// Exactly one generated token is left to compute: drafts may follow it.
  boolean isDecoding() {
    return isPastPrompt() && leftTokens() == 1 && !isInFlight();
  }

  /// The step in flight chooses its next token, which the step behind can compute unseen.
  boolean isNextChosen() {
    return isPastPrompt() && tokensInFlight() == 1 && scheduled == tokens && leftOutput() > 1;
  }

  boolean isExpired(long nowNanos) {
    long deadline = request.deadlineNanos();
    return deadline != Long.MAX_VALUE && nowNanos - deadline >= 0;
  }

  void start(SequenceCache opened, long nowNanos) {
    memory = opened;
    computed = opened.committedTokens();
    scheduled = computed;
    status = SequenceStatus.RUNNING;
    if (!everRan) {
      firstScheduledNanos = nowNanos;
      cachedTokens = computed;
    }
    everRan = true;
  }

  void preempt() {
    closeMemory();
    computed = 0;
    scheduled = 0;
    preemptions++;
    status = SequenceStatus.WAITING;
  }

  /// Gives its memory back.
  ///
  /// @param kept what it has computed may be kept, for a prompt that goes on from there
  void finish(boolean kept) {
    SequenceCache held = memory;
    boolean known = !isInFlight() || scheduled <= tokens;
    if (held != null && kept && known && isPastPrompt()) {
      memory = null;
      held.keep(TokenIds.copyOf(ids, 0, Math.min(scheduled, tokens)), isInFlight());
    }
    closeMemory();
    status = SequenceStatus.FINISHED;
  }

  /// Sets what the next step computes of it, without drafts.
  void plan(int knownTokens) {
    plannedTokens = knownTokens;
    plannedDrafts = 0;
  }

  /// What was planned is being computed.
  ///
  /// @param entry its number in the plan
  void submit(int entry) {
    scheduled += plannedTokens + plannedDrafts;
    submittedEntry = entry;
  }

  void planDrafts(int drafts) {
    plannedDrafts = drafts;
  }

  int plannedTokens() {
    return plannedTokens;
  }

  int plannedDrafts() {
    return plannedDrafts;
  }

  private void closeMemory() {
    SequenceCache held = memory;
    memory = null;
    if (held != null) {
      held.close();
    }
    plan(0);
  }

  /// Takes the answer to what was submitted first.
  ///
  /// @param submitted tokens and drafts of that entry
  /// @param count how many of them are right
  Optional<SlotCopy> commit(int submitted, int count) {
    SequenceCache held = memory();
    Optional<SlotCopy> copy = held.commit(count);
    computed = held.committedTokens();
    scheduled -= submitted - count;
    return copy;
  }

  void append(int token, long nowNanos) {
    if (tokens == ids.length) {
      long most = (long) promptTokens + request.stop().maxTokens();
      ids = Arrays.copyOf(ids, (int) Math.min(2L * tokens, most));
    }
    if (tokens == promptTokens) {
      firstTokenNanos = nowNanos;
    }
    ids[tokens++] = token;
  }

  int lastToken() {
    return ids[tokens - 1];
  }

  /// The token ends the generation; asked after it was appended.
  boolean stopsAt(int token) {
    TokenIds stops = request.stop().stopTokenIds();
    return generatedTokens() > request.stop().minTokens() && stops.contains(token);
  }

  void addDrafts(int drafted, int accepted) {
    draftedTokens += drafted;
    acceptedTokens += accepted;
    stream.setDrafts(draftedTokens, acceptedTokens);
  }

  GenerationStats stats(long nowNanos) {
    return new GenerationStats(
        promptTokens,
        cachedTokens,
        generatedTokens(),
        draftedTokens,
        acceptedTokens,
        preemptions,
        stream.arrivalNanos(),
        everRan ? OptionalLong.of(firstScheduledNanos) : OptionalLong.empty(),
        generatedTokens() > 0 ? OptionalLong.of(firstTokenNanos) : OptionalLong.empty(),
        nowNanos);
  }
}
