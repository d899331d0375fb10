package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Strict reading and plain writing of JSON. What is written has no character that a reader of
/// lines could take for the end of one.
///
/// Refused with the place where it happens: malformed text, duplicate keys, nesting deeper than 64,
/// numbers that no double holds or with more digits than Python reads, lone surrogates, anything
/// but UTF-8 without a byte order mark, and a second value after the first.
public final class OpenAiJson {
  private static final int MAX_DEPTH = 64;
  private static final int MAX_NUMBER = 4300;
  private static final int MAX_NAME = 256;
  private static final int MAX_TOKENS = 4_000_000;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxNumberLength(MAX_NUMBER)
                  .maxNameLength(MAX_NAME)
                  .maxTokenCount(MAX_TOKENS)
                  .maxStringLength(Integer.MAX_VALUE)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .characterEscapes(new LineSeparatorEscapes())
          .build();
  private static final JsonMapper MAPPER =
      JsonMapper.builder(FACTORY).enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private OpenAiJson() {}

  /// Parses a request body.
  ///
  /// @throws EngineException with INVALID_ARGUMENT that starts with `body:` when it is not one
  ///   strict JSON object
  public static JsonFields object(byte[] body) {
    JsonNode root = parse(decode(body));
    if (!root.isObject()) {
      throw EngineException.invalidArgument(
          "body", root.isMissingNode() ? "empty" : JsonFields.kind(root), "a JSON object");
    }
    check(root, "");
    return new JsonFields(root, "");
  }

  /// JSON text of what the consumer writes, UTF-8.
  public static byte[] write(Consumer<JsonGenerator> content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), out)) {
      content.accept(json);
    }
    return out.toByteArray();
  }

  /// JSON text of a tree, UTF-8.
  public static byte[] write(JsonNode tree) {
    return MAPPER.writeValueAsBytes(tree);
  }

  private static String decode(byte[] body) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
    } catch (CharacterCodingException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT, "body", "body: malformed bytes (expected: UTF-8)", e);
    }
    if (text.startsWith("\uFEFF")) {
      throw EngineException.invalidArgument("body", "byte order mark", "UTF-8 without one");
    }
    return text;
  }

  private static JsonNode parse(String text) {
    try {
      return MAPPER.readTree(text);
    } catch (JacksonException e) {
      TokenStreamLocation at = e.getLocation();
      String where =
          at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT,
          "body",
          "body: malformed JSON" + where + ": " + reason(e.getOriginalMessage()),
          e);
    }
  }

  /// What the parser lets pass and no request may hold.
  private static void check(JsonNode node, String path) {
    if (node.isString()) {
      checkText(node.stringValue(), path);
    } else if (node.isFloat() || node.isDouble()) {
      if (!Double.isFinite(node.doubleValue())) {
        throw EngineException.invalidArgument(
            path, node.asString(), "a number of 64 bits, at most 1.8e308");
      }
    } else if (node.isArray()) {
      for (int i = 0; i < node.size(); i++) {
        if (!node.get(i).isIntegralNumber()) {
          check(node.get(i), path + "[" + i + "]");
        }
      }
    } else if (node.isObject()) {
      for (Map.Entry<String, JsonNode> entry : node.properties()) {
        String below = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
        checkText(entry.getKey(), below);
        check(entry.getValue(), below);
      }
    }
  }

  private static void checkText(String text, String path) {
    int at = 0;
    while (at < text.length()) {
      int point = text.codePointAt(at);
      if (point <= Character.MAX_VALUE && Character.isSurrogate((char) point)) {
        String hex = Integer.toHexString(point);
        throw new EngineException(
            ErrorCode.INVALID_ARGUMENT,
            "body",
            "body: lone surrogate \\u" + hex + " at " + path + ", character " + at);
      }
      at += Character.charCount(point);
    }
  }

  /// The parser's message without its own settings and classes.
  private static String reason(String message) {
    int end = message.indexOf(" (start marker at");
    return EngineException.shown(
        (end < 0 ? message : message.substring(0, end))
            .replaceAll("\\R.*| *\\[Source: [^]]*]|, from `[^`]*`", ""));
  }
}
