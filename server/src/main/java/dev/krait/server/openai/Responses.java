package dev.krait.server.openai;

import dev.krait.reply.ReplyEvent;
import dev.krait.service.Finish;
import dev.krait.service.Usage;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The endpoint `/v1/responses`, over the chat endpoint. Nothing of a response is kept.
public final class Responses implements ItemAnswer.Endpoint {
  private final OpenAiParser parser;

  /// Creates the endpoint over a parser of chats.
  public Responses(OpenAiParser parser) {
    this.parser = parser;
  }

  @Override
  public ItemAnswer.Asked parse(byte[] body, String requestId) {
    JsonNode root = OpenAiJson.object(body).node();
    OpenAiRequest request = parser.chat(OpenAiJson.write(ResponsesParser.chat(root)), requestId);
    String id = request.prompt().id();
    return new ItemAnswer.Asked(
        request,
        (created, model) -> new Answer(id, ResponseJson.begun("resp_" + id, created, model, root)));
  }

  /// One response.
  private static final class Answer implements ItemAnswer {
    private final ObjectNode begun;
    private final ResponseOutput output;
    private ObjectNode response;

    Answer(String id, ObjectNode begun) {
      this.begun = begun;
      this.output = new ResponseOutput(id);
      this.response = begun;
    }

    @Override
    public void begin(Usage usage) {
      output.tell("response.created", begun);
      output.tell("response.in_progress", begun);
    }

    @Override
    public void add(ReplyEvent event) {
      output.add(event);
    }

    @Override
    public void end(Finish finish, Usage usage) {
      String status = finish.stopped() ? "completed" : "incomplete";
      output.close(status);
      response = ResponseJson.ended(begun, output.items(), finish.stopped(), usage);
      output.tell("response." + status, response);
    }

    @Override
    public void fail(String code, String message) {
      response = ResponseJson.failed(begun, code, message);
      output.tell("response.failed", response);
    }

    @Override
    public List<ObjectNode> take() {
      return output.take();
    }

    @Override
    public ObjectNode whole() {
      return response;
    }
  }
}
