package dev.krait.server.openai;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.reply.Reply;
import dev.krait.service.Finish;
import java.util.List;

/// One whole sequence of an answer.
///
/// @param index place in the answer
/// @param prompt its prompt
/// @param reply what it says, without the prompt
/// @param ids its tokens
/// @param logprobs one for each token, when asked for
/// @param finish how it ended
public record Choice(
    int index,
    PromptView prompt,
    Reply reply,
    TokenIds ids,
    List<TokenLogprobs> logprobs,
    Finish finish) {

  /// A prompt as an answer may show it.
  ///
  /// @param ids its tokens
  /// @param echo its text, when the answer repeats it, else empty
  /// @param logprobs one for each token but the first, when asked for
  public record PromptView(TokenIds ids, String echo, List<TokenLogprobs> logprobs) {}
}
