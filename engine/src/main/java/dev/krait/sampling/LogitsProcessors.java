package dev.krait.sampling;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.SamplingParams;
import java.util.ArrayList;
import java.util.List;

/// All processors of a request in their order: penalties, bias, minimum length, allowed tokens, bad
/// words, constraint.
///
/// Made once for a sequence. Between steps it stands behind the sequence's last token: whoever
/// chooses a token accepts it, whoever drafts tokens takes them back.
public final class LogitsProcessors implements LogitsProcessor {
  private final LogitsProcessor[] processors;

  private LogitsProcessors(List<LogitsProcessor> processors) {
    this.processors = processors.toArray(new LogitsProcessor[0]);
  }

  /// The processors of a request whose sequence has no output yet.
  public static LogitsProcessors of(GenerationRequest request) {
    SamplingParams params = request.sampling();
    List<LogitsProcessor> processors = new ArrayList<>();
    if (params.repetitionPenalty() != 1
        || params.presencePenalty() != 0
        || params.frequencyPenalty() != 0) {
      processors.add(new PenaltyProcessor(params, request.promptIds()));
    }
    if (!params.logitBias().isEmpty()) {
      processors.add(new BiasProcessor(params.logitBias()));
    }
    if (request.stop().minTokens() > 0 && request.stop().stopTokenIds().size() > 0) {
      processors.add(new MinTokensProcessor(request.stop()));
    }
    if (params.allowedTokenIds().size() > 0) {
      processors.add(new AllowedTokensProcessor(params.allowedTokenIds()));
    }
    if (!params.badWords().isEmpty()) {
      processors.add(new BadWordsProcessor(params.badWords()));
    }
    if (request.constraint() != null) {
      processors.add(new ConstraintProcessor(request.constraint()));
    }
    return new LogitsProcessors(processors);
  }

  @Override
  public boolean isActive() {
    for (LogitsProcessor processor : processors) {
      if (processor.isActive()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean mayChange() {
    for (LogitsProcessor processor : processors) {
      if (processor.mayChange()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void apply(float[] logits) {
    for (LogitsProcessor processor : processors) {
      if (processor.isActive()) {
        processor.apply(logits);
      }
    }
  }

  @Override
  public void accept(int tokenId) {
    for (LogitsProcessor processor : processors) {
      processor.accept(tokenId);
    }
  }

  @Override
  public void rollback(int tokens) {
    for (LogitsProcessor processor : processors) {
      processor.rollback(tokens);
    }
  }
}
