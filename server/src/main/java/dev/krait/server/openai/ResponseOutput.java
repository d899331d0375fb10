package dev.krait.server.openai;

import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The output items of one response while they grow, and the events that tell of them.
///
/// Items are a reasoning, a message and calls of functions, each in the order in which the model
/// wrote them. Used by one thread.
final class ResponseOutput {
  private static final String REASONING = "reasoning";
  private static final String MESSAGE = "message";
  private static final String CALL = "function_call";

  private final String id;
  private final ArrayNode items = JsonMapper.shared().createArrayNode();
  private final List<ObjectNode> events = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private Optional<ObjectNode> open = Optional.empty();
  private int sequence;

  /// @param id what ids of items end with
  ResponseOutput(String id) {
    this.id = id;
  }

  /// The items, as far as they are complete.
  ArrayNode items() {
    return items;
  }

  /// An event that holds the response itself.
  void tell(String type, ObjectNode response) {
    event(type).set("response", response);
  }

  /// What happened since the last call, in order.
  List<ObjectNode> take() {
    List<ObjectNode> taken = List.copyOf(events);
    events.clear();
    return taken;
  }

  void add(ReplyEvent event) {
    switch (event) {
      case TextDelta delta -> grow(MESSAGE, delta.text());
      case ReasoningDelta delta -> grow(REASONING, delta.text());
      case ToolCallStart call -> {
        close("completed");
        ObjectNode item = begin(CALL, "fc");
        item.put("call_id", call.id()).put("name", call.name()).put("arguments", "");
        added(item);
      }
      case ToolArgumentsDelta delta -> {
        text.append(delta.json());
        part("response.function_call_arguments.delta").put("delta", delta.json());
      }
    }
  }

  private void grow(String type, String delta) {
    boolean reasoning = type.equals(REASONING);
    if (!open.map(item -> item.path("type").asString().equals(type)).orElse(false)) {
      close("completed");
      ObjectNode item = begin(type, reasoning ? "rs" : "msg");
      if (reasoning) {
        item.putArray("summary");
      } else {
        item.put("role", "assistant");
      }
      item.putArray("content");
      added(item);
      content("response.content_part.added").set("part", textPart(reasoning, ""));
    }
    text.append(delta);
    ObjectNode event = content(name(reasoning) + ".delta").put("delta", delta);
    if (!reasoning) {
      event.putArray("logprobs");
    }
  }

  /// Ends the item that is open.
  ///
  /// @param status completed or incomplete
  void close(String status) {
    if (open.isEmpty()) {
      return;
    }
    ObjectNode item = open.get();
    String whole = text.toString();
    text.setLength(0);
    item.put("status", status);
    if (item.path("type").asString().equals(CALL)) {
      item.put("arguments", whole);
      part("response.function_call_arguments.done")
          .put("name", item.path("name").asString())
          .put("arguments", whole);
    } else {
      boolean reasoning = item.path("type").asString().equals(REASONING);
      ObjectNode done = content(name(reasoning) + ".done").put("text", whole);
      if (!reasoning) {
        done.putArray("logprobs");
      }
      ObjectNode part = textPart(reasoning, whole);
      content("response.content_part.done").set("part", part);
      item.withArray("content").add(part);
    }
    event("response.output_item.done").put("output_index", items.size()).set("item", item);
    items.add(item);
    open = Optional.empty();
  }

  private ObjectNode begin(String type, String prefix) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("id", prefix + "_" + id + "_" + items.size())
        .put("type", type)
        .put("status", "in_progress");
  }

  private void added(ObjectNode item) {
    open = Optional.of(item);
    event("response.output_item.added")
        .put("output_index", items.size())
        .set("item", item.deepCopy());
  }

  private static String name(boolean reasoning) {
    return reasoning ? "response.reasoning_text" : "response.output_text";
  }

  private static ObjectNode textPart(boolean reasoning, String text) {
    ObjectNode part = JsonMapper.shared().createObjectNode();
    part.put("type", reasoning ? "reasoning_text" : "output_text").put("text", text);
    if (!reasoning) {
      part.putArray("annotations");
      part.putArray("logprobs");
    }
    return part;
  }

  /// An event of the item that is open.
  private ObjectNode part(String type) {
    return event(type)
        .put("item_id", open.orElseThrow().path("id").asString())
        .put("output_index", items.size());
  }

  private ObjectNode content(String type) {
    return part(type).put("content_index", 0);
  }

  private ObjectNode event(String type) {
    ObjectNode event =
        JsonMapper.shared().createObjectNode().put("type", type).put("sequence_number", sequence++);
    events.add(event);
    return event;
  }
}
