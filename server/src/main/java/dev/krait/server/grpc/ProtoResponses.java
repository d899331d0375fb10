package dev.krait.server.grpc;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.proto.inference.v1.FinishReason;
import dev.krait.proto.inference.v1.FinishedEvent;
import dev.krait.proto.inference.v1.PromptEvent;
import dev.krait.proto.inference.v1.Report;
import dev.krait.proto.inference.v1.TokensEvent;
import dev.krait.proto.inference.v1.TopLogprob;
import dev.krait.service.Finish;
import dev.krait.service.Generation;
import dev.krait.service.TextChunk;
import dev.krait.service.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// Chunks and counts as messages of the protocol.
final class ProtoResponses {
  private final IntFunction<String> tokenText;

  /// Creates the mapper.
  ///
  /// @param tokenText text of a single token
  ProtoResponses(IntFunction<String> tokenText) {
    this.tokenText = tokenText;
  }

  static boolean wantsPrompt(Report report) {
    return report.getPromptTokenIds() || report.hasPromptLogprobs();
  }

  PromptEvent prompt(Generation.Part part, Report report) {
    PromptEvent.Builder event = PromptEvent.newBuilder();
    if (report.getPromptTokenIds()) {
      event.addAllTokenIds(boxed(part.promptIds()));
    }
    return event.addAllLogprobs(logprobs(part.stream().promptLogprobs())).build();
  }

  TokensEvent tokens(TextChunk chunk) {
    return TokensEvent.newBuilder()
        .setText(chunk.text())
        .addAllTokenIds(boxed(chunk.ids()))
        .addAllLogprobs(logprobs(chunk.logprobs()))
        .build();
  }

  static FinishedEvent finished(Finish finish, Usage usage) {
    FinishedEvent.Builder event =
        FinishedEvent.newBuilder()
            .setReason(
                finish.stopped()
                    ? FinishReason.FINISH_REASON_STOP
                    : FinishReason.FINISH_REASON_LENGTH);
    finish.stopString().ifPresent(event::setStopString);
    finish.stopTokenId().ifPresent(event::setStopTokenId);
    event
        .getUsageBuilder()
        .setPromptTokens(usage.promptTokens())
        .setCachedPromptTokens(usage.cachedTokens())
        .setCompletionTokens(usage.completionTokens())
        .setAcceptedPredictionTokens((int) usage.acceptedTokens())
        .setRejectedPredictionTokens((int) usage.rejectedTokens());
    return event.build();
  }

  private List<dev.krait.proto.inference.v1.TokenLogprobs> logprobs(List<TokenLogprobs> from) {
    List<dev.krait.proto.inference.v1.TokenLogprobs> to = new ArrayList<>(from.size());
    for (TokenLogprobs position : from) {
      var out =
          dev.krait.proto.inference.v1.TokenLogprobs.newBuilder()
              .setTokenId(position.tokenId())
              .setToken(tokenText.apply(position.tokenId()))
              .setLogprob(position.logprob())
              .setRank(position.rank());
      for (int i = 0; i < position.topCount(); i++) {
        out.addTop(
            TopLogprob.newBuilder()
                .setTokenId(position.topId(i))
                .setToken(tokenText.apply(position.topId(i)))
                .setLogprob(position.topLogprob(i)));
      }
      to.add(out.build());
    }
    return to;
  }

  private static List<Integer> boxed(TokenIds ids) {
    List<Integer> list = new ArrayList<>(ids.size());
    for (int i = 0; i < ids.size(); i++) {
      list.add(ids.at(i));
    }
    return list;
  }
}
