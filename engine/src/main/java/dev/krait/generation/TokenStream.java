package dev.krait.generation;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Finished;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// One request's channel from the engine thread to one reader.
///
/// The engine appends and publishes and never waits: room is bounded by the request's own maximum
/// output. The reader waits in [#next]. Exactly one thread may use each side; all that was appended
/// before a [#publish] is seen by the reader that sees the publication.
public final class TokenStream {
  private static final int FIRST_CAPACITY = 16;

  private final GenerationRequest request;
  private final long arrivalNanos;
  private final Runnable beforeEnd;

  // Written by the engine; array elements below the published count are never written again.
  private volatile boolean whole;
  private volatile int[] ids;
  private volatile @Nullable TokenLogprobs[] logprobs;
  private final @Nullable TokenLogprobs[] promptLogprobs;
  private int appended;
  private int appendedPrompt;

  // The engine writes publishedPrompt, then end, then published; the reader reads them in the
  // opposite order, so that tokens are never seen without what must come before or with them.
  private volatile int publishedPrompt;
  private volatile @Nullable End end;
  private volatile int published;
  private volatile int drafted;
  private volatile int accepted;
  private volatile @Nullable Thread waiting;

  // Reader's.
  private int delivered;
  private int deliveredPrompt;

  /// An empty stream.
  ///
  /// @param arrivalNanos now, on the engine's clock
  public TokenStream(GenerationRequest request, long arrivalNanos) {
    this(request, arrivalNanos, () -> {});
  }

  /// An empty stream that somebody counts.
  ///
  /// @param arrivalNanos now, on the engine's clock
  /// @param beforeEnd called once by the thread that ends the stream, before the reader can see it
  public TokenStream(GenerationRequest request, long arrivalNanos, Runnable beforeEnd) {
    this.request = request;
    this.arrivalNanos = arrivalNanos;
    this.beforeEnd = beforeEnd;
    int capacity = Math.min(FIRST_CAPACITY, request.stop().maxTokens());
    ids = new int[capacity];
    logprobs = new TokenLogprobs[request.sampling().logprobs() >= 0 ? capacity : 0];
    promptLogprobs =
        new TokenLogprobs
            [request.sampling().promptLogprobs() >= 0 ? request.promptIds().size() - 1 : 0];
  }

  /// What was asked for.
  public GenerationRequest request() {
    return request;
  }

  /// Tokens of the prompt.
  public int promptTokens() {
    return request.promptIds().size();
  }

  /// When the request was submitted, on the engine's clock.
  public long arrivalNanos() {
    return arrivalNanos;
  }

  /// Reader: wants no token before the end, so that it is woken once and not for every step. Before
  /// the first [#next].
  public void deliverWhole() {
    whole = true;
  }

  /// Reader: waits for the next event. After the [End] every call returns it again.
  ///
  /// @throws EngineException CANCELLED when the thread is interrupted; its flag stays set
  public GenerationEvent next() {
    while (true) {
      GenerationEvent event = takeReady();
      if (event != null) {
        return event;
      }
      waiting = Thread.currentThread();
      if (!isReady()) {
        LockSupport.park(this);
      }
      waiting = null;
      if (Thread.currentThread().isInterrupted()) {
        throw new EngineException(
            ErrorCode.CANCELLED, "reading a token stream: interrupted (expected: an event)");
      }
    }
  }

  /// Reader: the next event if there is one now.
  public Optional<GenerationEvent> poll() {
    return Optional.ofNullable(takeReady());
  }

  private boolean isReady() {
    if (whole && end == null) {
      return false;
    }
    return published > delivered || end != null || publishedPrompt > deliveredPrompt;
  }

  private @Nullable GenerationEvent takeReady() {
    if (whole && end == null) {
      return null;
    }
    int available = published;
    End ending = end;
    int availablePrompt = publishedPrompt;
    if (deliveredPrompt < availablePrompt) {
      List<TokenLogprobs> values = range(promptLogprobs, deliveredPrompt, availablePrompt);
      deliveredPrompt = availablePrompt;
      return new GenerationEvent.PromptLogprobs(values);
    }
    if (delivered < available) {
      return takeTokens(available, ending);
    }
    if (ending != null && delivered == ending.stats().generatedTokens()) {
      return ending;
    }
    return null;
  }

  private GenerationEvent takeTokens(int available, @Nullable End ending) {
    TokenIds burst = TokenIds.copyOf(ids, delivered, available);
    List<TokenLogprobs> burstLogprobs =
        request.sampling().logprobs() >= 0 ? range(logprobs, delivered, available) : List.of();
    delivered = available;
    boolean stopped =
        ending instanceof Finished finished
            && finished.stopTokenId().isPresent()
            && available == finished.stats().generatedTokens();
    return new GenerationEvent.Tokens(burst, burstLogprobs, stopped);
  }

  private static List<TokenLogprobs> range(@Nullable TokenLogprobs[] values, int from, int to) {
    List<TokenLogprobs> list = new ArrayList<>(to - from);
    for (int i = from; i < to; i++) {
      TokenLogprobs value = values[i];
      if (value != null) {
        list.add(value);
      }
    }
    return list;
  }

  /// Engine: adds a generated token, unseen until published.
  ///
  /// @param tokenLogprobs its log-probabilities; ignored unless the request asks for them
  public void append(int id, @Nullable TokenLogprobs tokenLogprobs) {
    int maxTokens = request.stop().maxTokens();
    if (appended == maxTokens) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "generated tokens: " + (appended + 1) + " (expected: at most " + maxTokens + ")");
    }
    if (appended == ids.length) {
      int capacity = (int) Math.min(2L * appended, maxTokens);
      ids = Arrays.copyOf(ids, capacity);
      if (logprobs.length > 0) {
        logprobs = Arrays.copyOf(logprobs, capacity);
      }
    }
    ids[appended] = id;
    if (logprobs.length > 0) {
      logprobs[appended] = tokenLogprobs;
    }
    appended++;
  }

  /// Engine: says how many tokens were drafted so far and how many of them accepted; before the
  /// [#publish] of the tokens that they led to.
  public void setDrafts(int draftedTokens, int acceptedTokens) {
    drafted = draftedTokens;
    accepted = acceptedTokens;
  }

  /// Reader: tokens drafted so far, at least for the tokens that it has.
  public int draftedTokens() {
    return drafted;
  }

  /// Reader: drafted tokens accepted so far, also those beyond the end.
  public int acceptedTokens() {
    return accepted;
  }

  /// Engine: adds log-probabilities of prompt tokens, unseen until published. Those that were added
  /// before (the prompt is computed again after a preemption) are skipped.
  ///
  /// @param position position of the prompt token that the first value belongs to, 1 or more
  public void appendPromptLogprobs(int position, List<TokenLogprobs> values) {
    for (int i = 0; i < values.size(); i++) {
      int index = position + i - 1;
      if (index == appendedPrompt && index < promptLogprobs.length) {
        promptLogprobs[appendedPrompt++] = values.get(i);
      }
    }
  }

  /// Engine: shows the reader what was appended.
  public void publish() {
    publishedPrompt = appendedPrompt;
    published = appended;
    if (!whole) {
      wakeReader();
    }
  }

  /// Engine: shows what was appended and ends the stream.
  ///
  /// @param event its stats count exactly the tokens appended
  public void end(End event) {
    if (event.stats().generatedTokens() != appended) {
      throw new EngineException(
          ErrorCode.INTERNAL,
          "generated tokens at the end: "
              + event.stats().generatedTokens()
              + " (expected: the "
              + appended
              + " appended)");
    }
    beforeEnd.run();
    publishedPrompt = appendedPrompt;
    end = event;
    published = appended;
    wakeReader();
  }

  private void wakeReader() {
    Thread reader = waiting;
    if (reader != null) {
      LockSupport.unpark(reader);
    }
  }
}
