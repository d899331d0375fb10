package dev.krait.server.anthropic;

import dev.krait.reply.ReplyEvent;
import dev.krait.server.openai.ItemAnswer;
import dev.krait.server.openai.OpenAiJson;
import dev.krait.server.openai.OpenAiParser;
import dev.krait.server.openai.OpenAiRequest;
import dev.krait.service.Finish;
import dev.krait.service.Prompt;
import dev.krait.service.Usage;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The endpoint `/v1/messages`, over the chat endpoint.
public final class Messages implements ItemAnswer.Endpoint {
  private final OpenAiParser parser;

  /// Creates the endpoint over a parser of chats.
  public Messages(OpenAiParser parser) {
    this.parser = parser;
  }

  @Override
  public ItemAnswer.Asked parse(byte[] body, String requestId) {
    JsonNode root = OpenAiJson.object(body).node();
    OpenAiRequest request =
        parser.chat(OpenAiJson.write(MessagesParser.chat(root, false)), requestId);
    String id = "msg_" + request.prompt().id();
    return new ItemAnswer.Asked(request, (_, model) -> new Answer(id, model));
  }

  /// The conversation of a body whose tokens are to be counted.
  ///
  /// @param prompt what to encode
  /// @param model the model it names, if any
  public record Counted(Prompt prompt, Optional<String> model) {}

  /// A body of `/v1/messages/count_tokens`.
  public Counted counted(byte[] body) {
    JsonNode root = OpenAiJson.object(body).node();
    OpenAiRequest request = parser.chat(OpenAiJson.write(MessagesParser.chat(root, true)), "count");
    return new Counted(request.prompt().prompts().getFirst(), request.prompt().model());
  }

  /// One message.
  private static final class Answer implements ItemAnswer {
    private final MessageOutput output = new MessageOutput();
    private final ObjectNode message = JsonMapper.shared().createObjectNode();

    Answer(String id, String model) {
      message.put("id", id).put("type", "message").put("role", "assistant").put("model", model);
      message.putArray("content");
      message.putNull("stop_reason").putNull("stop_sequence");
    }

    @Override
    public void begin(Usage usage) {
      putUsage(message, usage);
      output.event("message_start").set("message", message.deepCopy());
    }

    @Override
    public void add(ReplyEvent event) {
      output.add(event);
    }

    @Override
    public void end(Finish finish, Usage usage) {
      output.close();
      String reason =
          !finish.stopped()
              ? "max_tokens"
              : finish.calls()
                  ? "tool_use"
                  : finish.stopString().isPresent() ? "stop_sequence" : "end_turn";
      message.set("content", output.blocks());
      message.put("stop_reason", reason);
      finish.stopString().ifPresent(text -> message.put("stop_sequence", text));
      putUsage(message, usage);
      ObjectNode event = output.event("message_delta");
      ObjectNode delta = event.putObject("delta");
      delta.put("stop_reason", reason).set("stop_sequence", message.get("stop_sequence"));
      putUsage(event, usage);
      output.event("message_stop");
    }

    /// What came from the cache is counted apart.
    private static void putUsage(ObjectNode holder, Usage usage) {
      ObjectNode counts = holder.putObject("usage");
      counts.put("input_tokens", usage.promptTokens() - usage.cachedTokens());
      counts.put("cache_creation_input_tokens", 0);
      counts.put("cache_read_input_tokens", usage.cachedTokens());
      counts.put("output_tokens", usage.completionTokens());
    }

    @Override
    public void fail(String code, String text) {
      output.event("error").putObject("error").put("type", "api_error").put("message", text);
    }

    @Override
    public List<ObjectNode> take() {
      return output.take();
    }

    @Override
    public ObjectNode whole() {
      return message;
    }
  }
}
