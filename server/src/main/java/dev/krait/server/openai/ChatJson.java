package dev.krait.server.openai;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.service.Finish;
import dev.krait.service.TextChunk;
import dev.krait.service.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;

/// Answers of `/v1/chat/completions`.
public final class ChatJson implements AnswerFormat {
  private static final String OBJECT = "chat.completion";
  private static final String CHUNK = "chat.completion.chunk";
  private static final String ROLE = "assistant";
  private static final Delta OPENING =
      Delta.of(json -> {
        json.writeStringProperty("role", ROLE);
        ReplyJson.writeContent(json, "");
      });

  private final OpenAiParser parser;

  /// Creates the format over a parser.
  public ChatJson(OpenAiParser parser) {
    this.parser = parser;
  }

  @Override
  public OpenAiRequest parse(byte[] body, String requestId) {
    return parser.chat(body, requestId);
  }

  @Override
  public String idPrefix() {
    return "chatcmpl-";
  }

  @Override
  public byte[] whole(AnswerHead head, List<Choice> choices, Usage usage) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      AnswerJson.writeHead(json, head, OBJECT);
      json.writeArrayPropertyStart("choices");
      choices.forEach(choice -> writeChoice(json, head, choice));
      json.writeEndArray();
      AnswerJson.writeTail(json);
      AnswerJson.writeUsage(json, usage);
      Choice.PromptView prompt = choices.getFirst().prompt();
      if (head.output().promptLogprobs() >= 0) {
        json.writeName("prompt_logprobs");
        LogprobJson.writePrompt(json, head, prompt.logprobs());
      } else {
        json.writeNullProperty("prompt_logprobs");
      }
      if (head.options().tokenIds()) {
        AnswerJson.writeIds(json, "prompt_token_ids", prompt.ids());
      }
      json.writeEndObject();
    });
  }

  /// What one event says of a choice.
  private record Delta(
      Consumer<JsonGenerator> content,
      TokenIds ids,
      List<TokenLogprobs> logprobs,
      Optional<Finish> finish) {
    static Delta of(Consumer<JsonGenerator> content) {
      return new Delta(content, TokenIds.empty(), List.of(), Optional.empty());
    }
  }

  @Override
  public List<byte[]> events(AnswerHead head, StreamChoice choice, TextChunk chunk, Usage usage) {
    List<byte[]> events = new ArrayList<>(chunk.events().size() + 2);
    if (choice.begin()) {
      events.add(chunk(head, choice, OPENING, usage));
      String echo = choice.prompt().echo();
      if (!echo.isEmpty()) {
        Delta echoed = Delta.of(json -> ReplyJson.writeContent(json, echo));
        events.add(chunk(head, choice, echoed, usage));
      }
    }
    deltas(head, choice, chunk).forEach(delta -> events.add(chunk(head, choice, delta, usage)));
    return events;
  }

  /// One for each event, at least one. The first has the tokens, the last how the choice ended;
  /// behind calls that is one of its own, as by OpenAI.
  private static List<Delta> deltas(AnswerHead head, StreamChoice choice, TextChunk chunk) {
    List<Consumer<JsonGenerator>> contents = new ArrayList<>(chunk.events().size() + 1);
    for (ReplyEvent event : chunk.events()) {
      if (head.options().reasoning() || !(event instanceof ReasoningDelta)) {
        contents.add(json -> ReplyJson.writeDelta(json, event));
      }
    }
    if (contents.isEmpty() && choice.isPlain()) {
      contents.add(json -> ReplyJson.writeContent(json, ""));
    } else if (contents.isEmpty() || chunk.finish().map(Finish::calls).orElse(false)) {
      contents.add(_ -> {});
    }
    List<Delta> deltas = new ArrayList<>(contents.size());
    for (int i = 0; i < contents.size(); i++) {
      boolean first = i == 0;
      deltas.add(
          new Delta(
              contents.get(i),
              first ? chunk.ids() : TokenIds.empty(),
              first ? chunk.logprobs() : List.of(),
              i == contents.size() - 1 ? chunk.finish() : Optional.empty()));
    }
    return deltas;
  }

  @Override
  public byte[] usageEvent(AnswerHead head, Usage usage) {
    return AnswerJson.usageEvent(head, CHUNK, usage);
  }

  private static void writeChoice(JsonGenerator json, AnswerHead head, Choice choice) {
    json.writeStartObject();
    json.writeNumberProperty("index", choice.index());
    json.writeObjectPropertyStart("message");
    json.writeStringProperty("role", ROLE);
    ReplyJson.writeMessage(json, choice, head.options().reasoning());
    json.writeNullProperty("refusal");
    json.writeEndObject();
    writeLogprobs(json, head, choice.logprobs());
    AnswerJson.writeFinish(json, Optional.of(choice.finish()));
    if (head.options().tokenIds()) {
      AnswerJson.writeIds(json, "token_ids", choice.ids());
    }
    json.writeEndObject();
  }

  private static byte[] chunk(AnswerHead head, StreamChoice choice, Delta delta, Usage usage) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      AnswerJson.writeHead(json, head, CHUNK);
      json.writeArrayPropertyStart("choices");
      json.writeStartObject();
      json.writeNumberProperty("index", choice.index());
      json.writeObjectPropertyStart("delta");
      delta.content().accept(json);
      json.writeEndObject();
      writeLogprobs(json, head, delta.logprobs());
      AnswerJson.writeFinish(json, delta.finish());
      if (head.options().tokenIds() && !delta.equals(OPENING)) {
        AnswerJson.writeIds(json, "token_ids", delta.ids());
      }
      json.writeEndObject();
      json.writeEndArray();
      if (head.options().tokenIds() && delta.equals(OPENING)) {
        AnswerJson.writeIds(json, "prompt_token_ids", choice.prompt().ids());
      }
      if (head.options().continuousUsage()) {
        AnswerJson.writeUsage(json, usage);
      }
      json.writeEndObject();
    });
  }

  private static void writeLogprobs(
      JsonGenerator json, AnswerHead head, List<TokenLogprobs> logprobs) {
    if (head.output().logprobs() < 0 || logprobs.isEmpty()) {
      json.writeNullProperty("logprobs");
      return;
    }
    json.writeName("logprobs");
    LogprobJson.writeContent(json, head, logprobs);
  }
}
