package dev.krait.service;

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
import dev.krait.reply.ReplyParser;
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

/// One sequence as a reply: decodes tokens, finds stop strings and ends the engine's work when one
/// appears, and reads the text before it.
///
/// Read by one thread. After the chunk with a finish, or an exception, it is over.
public final class TextStream {
  private final EngineHandle engine;
  private final TokenStream tokens;
  private final IncrementalDecoder decoder;
  private final Tokenizer tokenizer;
  private final boolean skipSpecialTokens;
  private final ReplyParser parser;

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
  private int reasoned;
  private OptionalLong lastTokensNanos = OptionalLong.empty();
  private Usage usage;

  /// How the tokens of a sequence are read.
  ///
  /// @param stops the request's stop strings
  /// @param parser reads the text as a reply
  record Reading(
      Tokenizer tokenizer,
      OutputOptions output,
      StopRequest stop,
      StopTexts stops,
      ReplyParser parser) {}

  TextStream(
      EngineHandle engine, TokenStream tokens, Reading reading, GenerationListener listener) {
    this.engine = engine;
    this.tokens = tokens;
    this.tokenizer = reading.tokenizer();
    this.parser = reading.parser();
    this.skipSpecialTokens = reading.output().skipSpecialTokens();
    int[] prompt = tokens.request().promptIds().toArray();
    this.before =
        reading.output().echo()
            ? Arrays.stream(prompt).filter(id -> !isHidden(id)).toArray()
            : new int[0];
    this.decoder = new IncrementalDecoder(tokenizer, before, false);
    this.stop = reading.stop();
    this.matcher = new StopMatcher(reading.stops().visible(), stop.includeString());
    this.specialStops = new SpecialStopMatcher(reading.stops().special(), stop.includeString());
    this.listener = listener;
    this.usage = new Usage(tokens.promptTokens(), 0, 0, 0, 0, 0);
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
          Finish finish = finish(end);
          return new TextChunk(parser.take(), TokenIds.empty(), List.of(), Optional.of(finish));
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
  /// text where a stop string cut it or more than an answer was read.
  ///
  /// The two differ only where a run of byte tokens is no valid UTF-8: a stream cannot take back
  /// the part of the run that was.
  ///
  /// @param streamed the chunks' text, joined
  public String wholeText(String streamed) {
    if (matched().isPresent() || !parser.isPlain()) {
      return streamed;
    }
    return tokenizer.decodeAfter(before, shown.build().toArray(), false);
  }

  /// Whether all its text is an answer.
  public boolean isPlain() {
    return parser.isPlain();
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
    TokenIds ids = burst.ids();
    for (int i = 0; i < ids.size(); i++) {
      generated++;
      boolean hidden = burst.endsWithStopToken() && i == ids.size() - 1 && !stop.includeString();
      if (!hidden) {
        read(ids.at(i));
      }
      if (matched().isPresent()) {
        return stoppedByString(burst, i + 1);
      }
    }
    usage = counted(0, tokens.draftedTokens(), tokens.acceptedTokens());
    Optional<Finish> finish = Optional.empty();
    ahead = tokens.poll();
    if (ahead.isPresent() && ahead.get() instanceof End end) {
      finish = Optional.of(finish(end));
    }
    return new TextChunk(parser.take(), ids, burst.logprobs(), finish);
  }

  private void read(int id) {
    boolean reasoning = parser.isReasoning();
    if (isHidden(id)) {
      emit(tokenizer.tokenText(id), true);
    } else {
      shown.add(id);
      emit(decoder.push(id), false);
    }
    reasoned += reasoning && parser.isReasoning() ? 1 : 0;
  }

  /// Whether a token leaves no text: special ones, but for those that the parser knows.
  private boolean isHidden(int id) {
    return skipSpecialTokens && tokenizer.isSpecial(id) && !parser.marks(tokenizer.tokenText(id));
  }

  private void emit(String delta, boolean hidden) {
    if (generated > stop.minTokens()) {
      parser.push(matcher.push(specialStops.push(delta, hidden)));
    } else if (!hidden) {
      parser.push(delta);
    }
  }

  private Optional<String> matched() {
    return matcher.matched().or(specialStops::matched);
  }

  private TextChunk stoppedByString(Tokens burst, int kept) {
    engine.cancel(tokens);
    GenerationEvent event = nextEvent();
    while (!(event instanceof End)) {
      event = nextEvent();
    }
    end(((End) event).stats(), "stop");
    TokenIds ids = TokenIds.of(Arrays.copyOf(burst.ids().toArray(), kept));
    List<TokenLogprobs> logprobs =
        burst.logprobs().subList(0, Math.min(kept, burst.logprobs().size()));
    Finish finish = replied(Finish.stopString(matched().orElseThrow()));
    return new TextChunk(parser.take(), ids, logprobs, Optional.of(finish));
  }

  /// Ends the reply.
  private Finish replied(Finish finish) {
    parser.finish();
    return finish.withCalls(parser.choseCalls());
  }

  private Finish finish(End end) {
    return switch (end) {
      case Failed failed -> {
        end(failed.stats(), "error");
        throw new EngineException(failed.code(), failed.message());
      }
      case Finished finished -> {
        Finish finish = ended(finished);
        emit(decoder.flush(), false);
        parser.push(matcher.push(specialStops.flush()));
        Optional<String> late = matched();
        parser.push(matcher.flush());
        yield replied(late.isPresent() ? Finish.stopString(late.get()) : finish);
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
    return new Usage(tokens.promptTokens(), cached, generated, reasoned, accepted, rejected);
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
