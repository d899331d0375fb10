package dev.krait.service;

import dev.krait.constraint.Grammar;
import dev.krait.error.EngineException;
import dev.krait.generation.TokenIds;
import dev.krait.reply.ReplyFormat;
import dev.krait.reply.ReplyParser;
import dev.krait.reply.ReplyRequest;
import dev.krait.reply.ReplyStart;
import dev.krait.reply.ToolUse;
import dev.krait.reply.ToolUse.Choice;
import dev.krait.service.OutputOptions.Replies;
import dev.krait.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.LongSupplier;

/// How the replies of a model's chats are read, and what structured output makes of them. Any
/// thread.
final class ChatReplies {
  private static final String FIELD = "tool_choice";

  /// Tokens at the end of a prompt that may spell out a marker of reasoning and what follows it.
  private static final int PROMPT_END = 32;

  private final ServedModel model;
  private final LongSupplier random;

  /// Creates it.
  ///
  /// @param random numbers that names of calls are made of
  ChatReplies(ServedModel model, LongSupplier random) {
    this.model = model;
    this.random = random;
  }

  /// The request with the structure that its choice of tools asks for.
  ///
  /// @throws EngineException with INVALID_ARGUMENT when it asks for another one as well
  PromptRequest withForcedCalls(PromptRequest request) {
    if (!(request.prompts().getFirst() instanceof Prompt.Chat chat) || !chat.tools().isForced()) {
      return request;
    }
    if (request.structure().isPresent()) {
      throw EngineException.invalidArgument(
          FIELD, "given beside " + request.structure().get().field(), "only one of them");
    }
    Grammar grammar = calls(chat.tools());
    return request.structured(
        Optional.of(new StructuredOutput(FIELD, "calls " + grammar, grammar)));
  }

  /// Texts that a [ReplyParser] reads as forced calls.
  private static Grammar calls(ToolUse use) {
    List<Grammar> calls = new ArrayList<>();
    for (Object tool : use.tools()) {
      Map<?, ?> function = (Map<?, ?>) ((Map<?, ?>) tool).get("function");
      String name = String.valueOf(Objects.requireNonNull(function).get("name"));
      Object parameters = function.get("parameters");
      Grammar arguments =
          parameters == null ? Grammar.jsonObject() : Grammar.jsonSchema(parameters, true);
      if (use.choice().equals(new Choice.Named(name))) {
        return arguments;
      }
      Grammar head = Grammar.text("{\"name\": " + SchemaJson.write(name) + ", \"parameters\": ");
      calls.add(Grammar.sequence(head, arguments, Grammar.text("}")));
    }
    Grammar call = Grammar.either(calls);
    Grammar further = Grammar.sequence(Grammar.text(", "), call);
    return Grammar.sequence(
        Grammar.text("["),
        call,
        Grammar.repeat(further, 0, use.parallel() ? -1 : 0),
        Grammar.text("]"));
  }

  /// Where the reply to a prompt begins, which shows at the end of the prompt. A structured reply
  /// is reasoning only where the prompt has opened it.
  ReplyStart start(PromptRequest request, Prompt prompt, TokenIds ids) {
    if (isPlain(request) || !(prompt instanceof Prompt.Chat chat)) {
      return ReplyStart.ANSWER;
    }
    ReplyFormat format = format(chat);
    int[] all = ids.toArray();
    int from = Math.max(0, all.length - PROMPT_END);
    ReplyStart start =
        chat.continueFinalMessage()
            ? format.startAfter(chat.lastContent())
            : format.start(model.tokenizer().decode(all, from, all.length, false));
    boolean structured = request.structure().isPresent();
    return structured && !(start == ReplyStart.REASONING && canClose(format))
        ? ReplyStart.ANSWER
        : start;
  }

  /// A parser for one sequence.
  ReplyParser parser(PromptRequest request, Prompt prompt, ReplyStart start) {
    if (isPlain(request) || !(prompt instanceof Prompt.Chat chat)) {
      return ReplyParser.plain();
    }
    boolean whole = request.output().replies() == Replies.WHOLE;
    return new ReplyParser(format(chat), ReplyRequest.of(chat.tools(), whole), start, random);
  }

  /// What the text of a reply may be: its structure, behind any reasoning.
  Optional<StructuredOutput> structure(PromptRequest request, Prompt prompt, ReplyStart start) {
    if (start != ReplyStart.REASONING || !(prompt instanceof Prompt.Chat chat)) {
      return request.structure();
    }
    String closer = format(chat).reasoningCloser().orElseThrow();
    return request
        .structure()
        .map(wanted ->
            new StructuredOutput(
                wanted.field(),
                "after " + closer + " " + wanted.key(),
                Grammar.sequence(
                    new Grammar.Free(List.of(closer)),
                    Grammar.text(closer),
                    Grammar.pattern("\n{0,2}"),
                    wanted.grammar())));
  }

  /// Whether a structured text can hold the marker: special tokens are no part of one.
  private boolean canClose(ReplyFormat format) {
    Tokenizer tokenizer = model.tokenizer();
    return format
        .reasoningCloser()
        .map(tokenizer::idOf)
        .filter(id -> id.isEmpty() || !tokenizer.isSpecial(id.getAsInt()))
        .isPresent();
  }

  private ReplyFormat format(Prompt.Chat chat) {
    return chat.template().map(model.replies()::in).orElse(model.replies());
  }

  private static boolean isPlain(PromptRequest request) {
    return request.output().replies() == Replies.TEXT;
  }
}
