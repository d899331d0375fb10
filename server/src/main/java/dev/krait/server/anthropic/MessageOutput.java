package dev.krait.server.anthropic;

import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The content blocks of one message while they grow, and the events that tell of them. Used by one
/// thread.
final class MessageOutput {
  private static final String TEXT = "text";
  private static final String THINKING = "thinking";
  private static final String TOOL = "tool_use";

  private final ArrayNode blocks = JsonMapper.shared().createArrayNode();
  private final List<ObjectNode> events = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private Optional<ObjectNode> open = Optional.empty();
  private boolean called;

  /// The blocks, as far as they are complete.
  ArrayNode blocks() {
    return blocks;
  }

  /// Whether a tool was called.
  boolean called() {
    return called;
  }

  /// Adds an event.
  ObjectNode event(String type) {
    ObjectNode event = JsonMapper.shared().createObjectNode().put("type", type);
    events.add(event);
    return event;
  }

  /// What happened since the last call, in order.
  List<ObjectNode> take() {
    List<ObjectNode> taken = List.copyOf(events);
    events.clear();
    return taken;
  }

  void add(ReplyEvent event) {
    switch (event) {
      case TextDelta delta -> grow(TEXT, delta.text());
      case ReasoningDelta delta -> grow(THINKING, delta.text());
      case ToolCallStart call -> {
        called = true;
        ObjectNode block = begin(TOOL);
        block.put("id", call.id()).put("name", call.name()).putObject("input");
        started(block);
      }
      case ToolArgumentsDelta delta -> {
        text.append(delta.json());
        delta("input_json_delta").put("partial_json", delta.json());
      }
    }
  }

  private void grow(String type, String added) {
    if (!open.map(block -> block.path("type").asString().equals(type)).orElse(false)) {
      ObjectNode block = begin(type).put(type, "");
      if (type.equals(THINKING)) {
        block.put("signature", "");
      }
      started(block);
    }
    text.append(added);
    delta(type + "_delta").put(type, added);
  }

  /// Ends the block that is open.
  void close() {
    if (open.isEmpty()) {
      return;
    }
    ObjectNode block = open.get();
    String type = block.path("type").asString();
    String whole = text.toString();
    text.setLength(0);
    if (type.equals(TOOL)) {
      block.set("input", json(whole));
    } else {
      block.put(type, whole);
    }
    event("content_block_stop").put("index", blocks.size());
    blocks.add(block);
    open = Optional.empty();
  }

  /// The arguments of a call; those of one that the most tokens cut off are no JSON.
  private static JsonNode json(String whole) {
    try {
      return JsonMapper.shared().readTree(whole.isEmpty() ? "{}" : whole);
    } catch (JacksonException cutOff) {
      return JsonMapper.shared().createObjectNode().put("partial_json", whole);
    }
  }

  private ObjectNode begin(String type) {
    close();
    return JsonMapper.shared().createObjectNode().put("type", type);
  }

  private void started(ObjectNode block) {
    open = Optional.of(block);
    event("content_block_start").put("index", blocks.size()).set("content_block", block.deepCopy());
  }

  private ObjectNode delta(String type) {
    return event("content_block_delta")
        .put("index", blocks.size())
        .putObject("delta")
        .put("type", type);
  }
}
