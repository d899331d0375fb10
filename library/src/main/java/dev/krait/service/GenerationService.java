package dev.krait.service;

import dev.krait.engine.EngineHandle;
import dev.krait.engine.ModelInfo;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.GenerationRequest;
import dev.krait.generation.OutputConstraint;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.StopConditions;
import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenStream;
import dev.krait.reply.ReplyStart;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletionException;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/// From a request in text to running sequences: what HTTP, gRPC and the terminal share.
///
/// Any thread may start a generation; encoding happens on the caller's thread.
public final class GenerationService {
  /// Most log-probabilities that a request for all of its prompts' may come to: about 100 MB of
  /// values and JSON.
  private static final long MAX_PROMPT_LOGPROBS = 1 << 20;

  private final ServedModel model;
  private final EngineHandle engine;
  private final Admission admission;
  private final GenerationListener listener;
  private final LongSupplier seeds;
  private final Optional<SessionService> sessions;
  private final PromptEncoder encoder;
  private final Constraints constraints;
  private final ChatReplies replies;

  /// Creates a service without sessions.
  ///
  /// @param seeds keys for requests that bring none
  public GenerationService(
      ServedModel model,
      EngineHandle engine,
      Admission admission,
      GenerationListener listener,
      LongSupplier seeds) {
    this(model, engine, admission, listener, seeds, Optional.empty());
  }

  /// Creates the service.
  ///
  /// @param seeds keys for requests that bring none
  /// @param sessions that requests may name
  public GenerationService(
      ServedModel model,
      EngineHandle engine,
      Admission admission,
      GenerationListener listener,
      LongSupplier seeds,
      Optional<SessionService> sessions) {
    this.model = model;
    this.engine = engine;
    this.admission = admission;
    this.listener = listener;
    this.seeds = seeds;
    this.sessions = sessions;
    this.encoder = new PromptEncoder(model);
    this.constraints = new Constraints(model);
    this.replies = new ChatReplies(model, seeds);
  }

  /// The model that it serves.
  public ServedModel model() {
    return model;
  }

  /// Encoder of its prompts.
  public PromptEncoder encoder() {
    return encoder;
  }

  /// Forgets the kept prefixes that no sequence uses.
  ///
  /// @return how many key/value blocks and state slots are then free again
  /// @throws EngineException UNAVAILABLE when the engine has ended
  public int clearPrefixes() {
    try {
      return engine.clearPrefixes().join();
    } catch (CompletionException failure) {
      throw failure.getCause() instanceof EngineException known
          ? known
          : new EngineException(ErrorCode.INTERNAL, "prefix cache: " + failure, failure);
    }
  }

  /// Starts every sequence of a request of nobody in particular.
  ///
  /// @throws EngineException as [#start(PromptRequest, Admission.Client)]
  public Generation start(PromptRequest request) {
    return start(request, Admission.Client.nobody());
  }

  /// Starts every sequence of a request.
  ///
  /// @param client who asks, for its share
  /// @throws EngineException NOT_FOUND for another model, INVALID_ARGUMENT for what can never run,
  ///   RESOURCE_EXHAUSTED when the queue is full, UNAVAILABLE while draining
  public Generation start(PromptRequest request, Admission.Client client) {
    model.checkName(request.model());
    admission.checkPriority(request.priority());
    Admission.Ticket ticket =
        admission.admit(client, request.prompts().size() * request.sequences());
    boolean started = false;
    try {
      Optional<String> session = request.session().map(id -> sessions().named(client, id));
      List<Generation.Part> parts = submit(replies.withForcedCalls(request), session, ticket);
      Generation generation =
          new Generation(
              parts,
              () -> {
                try (ticket) {
                  ticket.charge(tokens(parts, request.sequences()));
                  promptsFinished(parts, request.sequences());
                }
              });
      started = true;
      return generation;
    } finally {
      if (!started) {
        ticket.close();
      }
    }
  }

  /// Sessions that requests may name.
  ///
  /// @throws EngineException UNSUPPORTED when there are none
  public SessionService sessions() {
    return sessions.orElseThrow(() ->
        new EngineException(
            ErrorCode.UNSUPPORTED, "session_id", "session_id: no sessions here (expected: none)"));
  }

  private List<Generation.Part> submit(
      PromptRequest request, Optional<String> session, Admission.Ticket ticket) {
    long deadline = deadline(request);
    encoder.checked("stop_token_ids", request.stop().tokenIds());
    encoder.checked("logit_bias", biased(request.sampling()));
    List<TokenIds> promptIds = new ArrayList<>();
    OptionalInt asked = request.stop().maxTokens();
    for (Prompt prompt : request.prompts()) {
      promptIds.add(encoder.encodeToContinue(prompt, request.keepLastPromptTokens(), asked));
      checkReport(request, promptIds);
    }
    long key = request.sampling().seed().orElseGet(seeds);
    StopTexts stops = StopTexts.of(request, model.tokenizer());
    List<Generation.Part> parts = new ArrayList<>();
    boolean all = false;
    try {
      for (int p = 0; p < promptIds.size(); p++) {
        Prompt prompt = request.prompts().get(p);
        TokenIds ids = promptIds.get(p);
        ReplyStart start = replies.start(request, prompt, ids);
        Optional<OutputConstraint> constraint =
            replies.structure(request, prompt, start).map(constraints::of);
        String echo = echo(request.output(), prompt, ids);
        for (int s = 0; s < request.sequences(); s++) {
          GenerationRequest sequence =
              GenerationRequest.of(
                  request.id(),
                  ids,
                  params(request, key, s),
                  stop(request, ids.size()),
                  set -> {
                    set.priority = request.priority();
                    set.deadlineNanos = deadline;
                    set.constraint = constraint.orElse(null);
                    set.cacheSalt = request.cacheSalt();
                    set.session = session.orElse(null);
                  });
          TextStream stream =
              open(
                  new TextStream.Reading(
                      model.tokenizer(),
                      request.output(),
                      request.stop(),
                      stops,
                      replies.parser(request, prompt, start)),
                  sequence,
                  ticket);
          parts.add(new Generation.Part(parts.size(), ids, echo, stream));
        }
      }
      listener.accepted(request, maxTokens(request.stop(), promptIds.getFirst().size()));
      all = true;
      return parts;
    } finally {
      if (!all) {
        parts.forEach(part -> part.stream().cancel());
      }
    }
  }

  private String echo(OutputOptions output, Prompt prompt, TokenIds ids) {
    return output.echo() ? encoder.echo(prompt, ids, output.skipSpecialTokens()) : "";
  }

  private long deadline(PromptRequest request) {
    return request.timeout().map(t -> engine.nanoTime() + t.toNanos()).orElse(Long.MAX_VALUE);
  }

  /// Tokens of the answers and of each prompt, once.
  private static long tokens(List<Generation.Part> parts, int sequences) {
    long tokens = 0;
    for (Generation.Part part : parts) {
      tokens += part.stream().usage().completionTokens();
      tokens += part.index() % sequences == 0 ? part.promptIds().size() : 0;
    }
    return tokens;
  }

  private void promptsFinished(List<Generation.Part> parts, int sequences) {
    for (int first = 0; first < parts.size(); first += sequences) {
      int most = 0;
      for (Generation.Part part : parts.subList(first, first + sequences)) {
        most = Math.max(most, part.stream().usage().completionTokens());
      }
      listener.promptFinished(most);
    }
  }

  private TextStream open(
      TextStream.Reading reading, GenerationRequest sequence, Admission.Ticket ticket) {
    TokenStream tokens = engine.submit(sequence, ticket::sequenceEnded);
    boolean readable = false;
    try {
      TextStream stream = new TextStream(engine, tokens, reading, listener);
      readable = true;
      return stream;
    } finally {
      if (!readable) {
        engine.cancel(tokens);
      }
    }
  }

  private SamplingParams params(PromptRequest request, long key, int sequence) {
    ModelInfo.SamplingDefaults defaults = model.info().defaults();
    OutputOptions output = request.output();
    return request
        .sampling()
        .params(defaults, key, sequence, output.logprobs(), output.promptLogprobs());
  }

  private StopConditions stop(PromptRequest request, int promptTokens) {
    int maxTokens = maxTokens(request.stop(), promptTokens);
    return new StopConditions(
        maxTokens, Math.min(request.stop().minTokens(), maxTokens), stopIds(request));
  }

  private int maxTokens(StopRequest stop, int promptTokens) {
    int room = model.info().maxTokens() - promptTokens;
    return Math.min(stop.maxTokens().orElse(room), room);
  }

  /// The end of a structured answer cannot be ignored: nothing may follow it.
  private TokenIds stopIds(PromptRequest request) {
    StopRequest stop = request.stop();
    if (stop.ignoreEnd() && request.structure().isEmpty()) {
      return stop.tokenIds();
    }
    int[] end = model.info().endTokenIds().toArray();
    int[] asked = stop.tokenIds().toArray();
    return TokenIds.of(
        IntStream.concat(Arrays.stream(end), Arrays.stream(asked)).distinct().toArray());
  }

  private void checkReport(PromptRequest request, List<TokenIds> promptIds) {
    if (request.output().promptLogprobs() != SamplingParams.ALL_LOGPROBS) {
      return;
    }
    long positions = 0;
    for (TokenIds ids : promptIds) {
      positions += (long) ids.size() * request.sequences();
    }
    int vocabSize = model.info().vocabSize();
    if (positions * vocabSize > MAX_PROMPT_LOGPROBS) {
      throw EngineException.invalidArgument(
          "prompt_logprobs",
          "all " + vocabSize + " of the vocabulary for " + positions + " prompt tokens",
          "at most "
              + MAX_PROMPT_LOGPROBS
              + " values, which are "
              + MAX_PROMPT_LOGPROBS / vocabSize
              + " prompt tokens");
    }
  }

  private static TokenIds biased(SamplingRequest sampling) {
    return TokenIds.of(
        sampling.logitBias().keySet().stream().mapToInt(Integer::intValue).toArray());
  }
}
