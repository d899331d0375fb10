package dev.krait.server.openai;

import dev.krait.generation.TokenIds;
import dev.krait.generation.TokenLogprobs;
import dev.krait.service.Finish;
import dev.krait.service.TextChunk;
import dev.krait.service.Usage;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.core.JsonGenerator;

/// Answers of `/v1/completions`.
public final class CompletionJson implements AnswerFormat {
  private static final String OBJECT = "text_completion";

  private final OpenAiParser parser;

  /// Creates the format over a parser.
  public CompletionJson(OpenAiParser parser) {
    this.parser = parser;
  }

  @Override
  public OpenAiRequest parse(byte[] body, String requestId) {
    return parser.completion(body, requestId);
  }

  @Override
  public String idPrefix() {
    return "cmpl-";
  }

  /// A choice, or what one chunk adds to it.
  private record Part(
      StreamChoice choice,
      boolean first,
      String text,
      TokenIds ids,
      List<TokenLogprobs> logprobs,
      Optional<Finish> finish) {}

  @Override
  public byte[] whole(AnswerHead head, List<Choice> choices, Usage usage) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      AnswerJson.writeHead(json, head, OBJECT);
      json.writeArrayPropertyStart("choices");
      for (Choice choice : choices) {
        StreamChoice state = new StreamChoice(choice.index(), choice.prompt(), true);
        Optional<Finish> finish = Optional.of(choice.finish());
        writePart(
            json,
            head,
            new Part(state, true, choice.reply().text(), choice.ids(), choice.logprobs(), finish));
      }
      json.writeEndArray();
      AnswerJson.writeTail(json);
      AnswerJson.writeUsage(json, usage);
      json.writeEndObject();
    });
  }

  @Override
  public List<byte[]> events(AnswerHead head, StreamChoice choice, TextChunk chunk, Usage usage) {
    boolean first = choice.begin();
    return List.of(
        OpenAiJson.write(json -> {
          json.writeStartObject();
          AnswerJson.writeHead(json, head, OBJECT);
          json.writeArrayPropertyStart("choices");
          writePart(
              json,
              head,
              new Part(choice, first, chunk.text(), chunk.ids(), chunk.logprobs(), chunk.finish()));
          json.writeEndArray();
          if (head.options().continuousUsage()) {
            AnswerJson.writeUsage(json, usage);
          }
          json.writeEndObject();
        }));
  }

  @Override
  public byte[] usageEvent(AnswerHead head, Usage usage) {
    return AnswerJson.usageEvent(head, OBJECT, usage);
  }

  private static void writePart(JsonGenerator json, AnswerHead head, Part part) {
    Choice.PromptView prompt = part.choice().prompt();
    json.writeStartObject();
    json.writeNumberProperty("index", part.choice().index());
    json.writeStringProperty("text", part.first() ? prompt.echo() + part.text() : part.text());
    writeLogprobs(json, head, part);
    AnswerJson.writeFinish(json, part.finish());
    if (head.options().tokenIds()) {
      AnswerJson.writeIds(json, "token_ids", part.ids());
    }
    if (part.first()) {
      if (head.output().promptLogprobs() >= 0) {
        json.writeName("prompt_logprobs");
        LogprobJson.writePrompt(json, head, prompt.logprobs());
      } else {
        json.writeNullProperty("prompt_logprobs");
      }
      if (head.options().tokenIds()) {
        AnswerJson.writeIds(json, "prompt_token_ids", prompt.ids());
      }
    }
    json.writeEndObject();
  }

  private static void writeLogprobs(JsonGenerator json, AnswerHead head, Part part) {
    if (head.output().logprobs() < 0) {
      json.writeNullProperty("logprobs");
      return;
    }
    Choice.PromptView prompt = part.choice().prompt();
    boolean echoed = part.first() && head.output().echo();
    OptionalInt leading = echoed ? OptionalInt.of(prompt.ids().at(0)) : OptionalInt.empty();
    List<TokenLogprobs> positions =
        echoed ? AnswerJson.joined(prompt.logprobs(), part.logprobs()) : part.logprobs();
    json.writeName("logprobs");
    StreamChoice choice = part.choice();
    choice.textOffset(LogprobJson.writeArrays(json, head, leading, positions, choice.textOffset()));
  }
}
