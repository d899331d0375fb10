package dev.krait.reply;

import dev.krait.reply.ToolUse.Choice;
import java.util.Optional;

/// What a request wants of a reply.
///
/// @param use what may be called. With [Choice.Required] the text is a list `[{"name": "f",
///   "parameters": {}}]`, with [Choice.Named] the arguments alone
/// @param tools the same by name
/// @param whole whether the reply is wanted at once: a call that turns out to be none is text then,
///   which a stream cannot say any more
public record ReplyRequest(ToolUse use, Tools tools, boolean whole) {

  /// A request for a reply in pieces, or whole.
  public static ReplyRequest of(ToolUse use, boolean whole) {
    return new ReplyRequest(use, use.callable(), whole);
  }

  /// The one tool of which the text is the arguments.
  Optional<String> named() {
    return use.choice() instanceof Choice.Named named
        ? Optional.of(named.tool())
        : Optional.empty();
  }
}
