package dev.krait.server.service;

import dev.krait.engine.EngineHandle;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.FinishReason;
import dev.krait.generation.GenerationEvent;
import dev.krait.generation.GenerationEvent.End;
import dev.krait.generation.GenerationEvent.Failed;
import dev.krait.generation.GenerationEvent.Finished;
import dev.krait.generation.GenerationEvent.PromptLogprobs;
import dev.krait.generation.GenerationEvent.Tokens;
import dev.krait.generation.GenerationStats;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.generation.TokenStream;
import dev.krait.text.IncrementalDecoder;
import dev.krait.text.SpecialStopMatcher;
import dev.krait.text.StopMatcher;
import dev.krait.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/// One sequence as text: decodes tokens, finds stop strings, and ends the engine's work when one
/// appears.
///
/// Read by one thread. After the chunk with a finish, or an exception, it is over.
public final class TextStream {
  private final EngineHandle engine;
  private final TokenStream tokens;
  private final IncrementalDecoder decoder;
  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;

  /// Tokens whose text the answer's text follows: the prompt that it repeats, else none.
  private final int[] before;

  private final StopMatcher matcher;

  /// Stop strings that special tokens of a text without them complete; its text is the matcher's.
  private final SpecialStopMatcher specialStops;

  private final IntStream.Builder shown = IntStream.builder();
  private final StopRequest stop;
  private final GenerationListener listener;
  private final List<TokenLogprobs> promptLogprobs = new ArrayList<>();

  /// An event that was read while looking for the end.
  private Optional<GenerationEvent> ahead = Optional.empty();

  private boolean whole;
  private boolean over;
  private int generated;
  private OptionalLong lastTokensNanos = OptionalLong.empty();
  private Usage usage;

  TextStream(
      EngineHandle engine,
      TokenStream tokens,
      Tokenizer tokenizer,
      PromptRequest request,
      StopTexts stops,
      GenerationListener listener) {
    this.engine = engine;
    this.tokens = tokens;
    this.tokenizer = tokenizer;
    this.skipSpecialTokens = request.output().skipSpecialTokens();
    this.before = request.output().echo() ? tokens.request().promptIds().toArray() : new int[0];
    this.decoder = new IncrementalDecoder(tokenizer, before, skipSpecialTokens);
    this.stop = request.stop();
    this.matcher = new StopMatcher(stops.visible(), stop.includeString());
    this.specialStops = new SpecialStopMatcher(stops.special(), stop.includeString());
    this.listener = listener;
    this.usage = new Usage(tokens.promptTokens(), 0, 0, 0, 0);
  }

  /// Waits for the next chunk.
  ///
  /// @throws EngineException CANCELLED when the sequence was cancelled, DEADLINE_EXCEEDED when its
  ///   time was up, or what the engine failed with
  public TextChunk next() {
    while (true) {
      switch (nextEvent()) {
        case PromptLogprobs prompt -> promptLogprobs.addAll(prompt.values());
        case Tokens burst -> {
          return chunk(burst);
        }
        case End end -> {
          StringBuilder text = new StringBuilder();
          Finish finish = finish(end, text);
          return new TextChunk(text.toString(), TokenIds.empty(), List.of(), Optional.of(finish));
        }
      }
    }
  }

  /// Log-probabilities of the prompt from its second token on; whole once a chunk was read.
  public List<TokenLogprobs> promptLogprobs() {
    return promptLogprobs;
  }

  /// Reads everything in one chunk, which costs the engine less; without effect where a stop string
  /// may cut the text. Before the first [#next].
  public void readWhole() {
    if (stop.strings().isEmpty()) {
      tokens.deliverWhole();
      whole = true;
    }
  }

  /// The text of the whole answer, once it is over: all tokens decoded together, or the chunks'
  /// text where a stop string cut it.
  ///
  /// The two differ only where a run of byte tokens is no valid UTF-8: a stream cannot take back
  /// the part of the run that was.
  ///
  /// @param streamed the chunks' text, joined
  public String wholeText(String streamed) {
    if (matched().isPresent()) {
      return streamed;
    }
    return tokenizer.decodeAfter(before, shown.build().toArray(), skipSpecialTokens);
  }

  /// Counts so far; those of the prefix cache when the sequence is over.
  public Usage usage() {
    return usage;
  }

  /// Asks the engine to end the sequence; any thread may.
  public void cancel() {
    engine.cancel(tokens);
  }

  /// Ends the sequence if it still runs, and counts it, unread, by how it ended; for a reader that
  /// reads no more. Waits for the engine's next step.
  public void abandon() {
    if (over) {
      return;
    }
    engine.cancel(tokens);
    GenerationEvent event = nextEvent();
    while (!(event instanceof End)) {
      event = nextEvent();
    }
    switch ((End) event) {
      case Failed failed -> end(failed.stats(), "error");
      case Finished finished -> end(finished.stats(), outcome(finished.reason()));
    }
  }

  private GenerationEvent nextEvent() {
    GenerationEvent event = ahead.orElseGet(tokens::next);
    ahead = Optional.empty();
    return event;
  }

  private TextChunk chunk(Tokens burst) {
    observeTokens();
    StringBuilder text = new StringBuilder();
    TokenIds ids = burst.ids();
    for (int i = 0; i < ids.size(); i++) {
      generated++;
      boolean hidden = burst.endsWithStopToken() && i == ids.size() - 1 && !stop.includeString();
      if (!hidden) {
        shown.add(ids.at(i));
        emit(decoder.push(ids.at(i)), false, text);
        if (skipSpecialTokens && tokenizer.isSpecial(ids.at(i))) {
          emit(tokenizer.tokenText(ids.at(i)), true, text);
        }
      }
      if (matched().isPresent()) {
        return stoppedByString(burst, i + 1, text);
      }
    }
    usage = counted(0, tokens.draftedTokens(), tokens.acceptedTokens());
    Optional<Finish> finish = Optional.empty();
    ahead = tokens.poll();
    if (ahead.isPresent() && ahead.get() instanceof End end) {
      finish = Optional.of(finish(end, text));
    }
    return new TextChunk(text.toString(), ids, burst.logprobs(), finish);
  }

  private void emit(String delta, boolean hidden, StringBuilder text) {
    if (generated > stop.minTokens()) {
      text.append(matcher.push(specialStops.push(delta, hidden)));
    } else if (!hidden) {
      text.append(delta);
    }
  }

  private Optional<String> matched() {
    return matcher.matched().or(specialStops::matched);
  }

  private TextChunk stoppedByString(Tokens burst, int kept, StringBuilder text) {
    engine.cancel(tokens);
    GenerationEvent event = nextEvent();
    while (!(event instanceof End)) {
      event = nextEvent();
    }
    end(((End) event).stats(), "stop");
    TokenIds ids = TokenIds.of(Arrays.copyOf(burst.ids().toArray(), kept));
    List<TokenLogprobs> logprobs =
        burst.logprobs().subList(0, Math.min(kept, burst.logprobs().size()));
    Finish finish = Finish.stopString(matched().orElseThrow());
    return new TextChunk(text.toString(), ids, logprobs, Optional.of(finish));
  }

  private Finish finish(End end, StringBuilder text) {
    return switch (end) {
      case Failed failed -> {
        end(failed.stats(), "error");
        throw new EngineException(failed.code(), failed.message());
      }
      case Finished finished -> {
        Finish finish = ended(finished);
        emit(decoder.flush(), false, text);
        text.append(matcher.push(specialStops.flush()));
        Optional<String> late = matched();
        text.append(matcher.flush());
        yield late.isPresent() ? Finish.stopString(late.get()) : finish;
      }
    };
  }

  private Finish ended(Finished finished) {
    FinishReason reason = finished.reason();
    end(finished.stats(), outcome(reason));
    return switch (reason) {
      case LENGTH -> Finish.length();
      case STOP -> {
        boolean own =
            finished.stopTokenId().isPresent()
                && stop.tokenIds().contains(finished.stopTokenId().getAsInt());
        yield own ? Finish.stopToken(finished.stopTokenId().getAsInt()) : Finish.endToken();
      }
      case CANCELLED ->
          throw new EngineException(ErrorCode.CANCELLED, "the generation was cancelled");
      case DEADLINE ->
          throw new EngineException(
              ErrorCode.DEADLINE_EXCEEDED,
              "deadline: passed after " + generated + " tokens (expected: the whole answer)");
    };
  }

  private static String outcome(FinishReason reason) {
    return switch (reason) {
      case STOP -> "stop";
      case LENGTH -> "length";
      case CANCELLED, DEADLINE -> "abort";
    };
  }

  private void observeTokens() {
    if (whole) {
      return;
    }
    long now = engine.nanoTime();
    if (lastTokensNanos.isEmpty()) {
      listener.firstTokens(now - tokens.arrivalNanos());
    } else {
      listener.furtherTokens(now - lastTokensNanos.getAsLong());
    }
    lastTokensNanos = OptionalLong.of(now);
  }

  private void end(GenerationStats stats, String outcome) {
    over = true;
    usage = counted(stats.cachedTokens(), stats.draftedTokens(), stats.acceptedTokens());
    if (whole && stats.firstTokenNanos().isPresent()) {
      observeWhole(stats, stats.firstTokenNanos().getAsLong());
    }
    listener.finished(outcome, tokens.request().sampling(), stats);
  }

  private Usage counted(int cached, int drafted, int accepted) {
    int rejected = Math.max(0, drafted - accepted);
    return new Usage(tokens.promptTokens(), cached, generated, accepted, rejected);
  }

  /// Times of tokens that were not read one by one: the first, and the mean of the others.
  private void observeWhole(GenerationStats stats, long firstNanos) {
    listener.firstTokens(firstNanos - stats.arrivalNanos());
    int further = stats.generatedTokens() - 1;
    for (int i = 0; i < further; i++) {
      listener.furtherTokens((stats.finishedNanos() - firstNanos) / further);
    }
  }
}
