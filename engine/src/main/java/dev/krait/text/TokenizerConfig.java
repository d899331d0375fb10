package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What the small files beside a tokenizer say: `tokenizer_config.json`, `special_tokens_map.json`,
/// `added_tokens.json` and the chat templates, all optional.
///
/// @param endTokens texts of all tokens that end a sequence, that named `eos_token` among them
/// @param specialTokens texts of special tokens, and lists of them, by the names that chat
///   templates use
/// @param chatTemplates sources of chat templates by name
/// @param addedTokens tokens that the files define, as JSON objects by id
record TokenizerConfig(
    Map<String, Object> specialTokens,
    List<String> endTokens,
    Map<String, String> chatTemplates,
    Map<Integer, JsonNode> addedTokens) {
  private static final String ADDITIONAL = "additional_special_tokens";

  static TokenizerConfig read(Path folder) {
    JsonNode config = json(folder.resolve("tokenizer_config.json"));
    JsonNode special = json(folder.resolve("special_tokens_map.json"));
    return new TokenizerConfig(
        specialTokens(config, special),
        endTokens(config.has("eos_token") ? config.get("eos_token") : special.path("eos_token")),
        TemplateFiles.read(folder, config),
        addedTokens(config));
  }

  /// A lenient reader: real files hold `Infinity` and very large numbers.
  static JsonMapper mapper() {
    return JsonMapper.builder()
        .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
        .disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .build();
  }

  private static JsonNode json(Path file) {
    if (!Files.exists(file)) {
      return mapper().createObjectNode();
    }
    try {
      JsonNode node = mapper().readTree(Files.readAllBytes(file));
      if (!node.isObject()) {
        throw EngineException.invalidCheckpoint(file + ": not a JSON object");
      }
      return node;
    } catch (IOException | JacksonException e) {
      throw new EngineException(ErrorCode.INVALID_CHECKPOINT, file + ": " + e.getMessage(), e);
    }
  }

  /// The text of the token that begins a sequence.
  Optional<String> bosToken() {
    return token("bos_token");
  }

  /// The text of the token that ends a sequence.
  Optional<String> eosToken() {
    return token("eos_token");
  }

  private Optional<String> token(String name) {
    return specialTokens.get(name) instanceof String text ? Optional.of(text) : Optional.empty();
  }

  /// Every `..._token`, those of `extra_special_tokens` and `additional_special_tokens`; what the
  /// configuration says comes first.
  private static Map<String, Object> specialTokens(JsonNode config, JsonNode special) {
    Map<String, Object> tokens = new TreeMap<>();
    for (JsonNode file : List.of(special, config)) {
      for (Map.Entry<String, JsonNode> entry : file.properties()) {
        if (entry.getKey().endsWith("_token")) {
          put(tokens, entry);
        }
      }
      file.path("extra_special_tokens").properties().forEach(entry -> put(tokens, entry));
      List<String> more = new ArrayList<>();
      file.path(ADDITIONAL).forEach(token -> content(token).ifPresent(more::add));
      if (!more.isEmpty()) {
        tokens.put(ADDITIONAL, List.copyOf(more));
      }
    }
    return Collections.unmodifiableMap(tokens);
  }

  private static void put(Map<String, Object> tokens, Map.Entry<String, JsonNode> entry) {
    tokens.remove(entry.getKey());
    content(entry.getValue()).ifPresent(text -> tokens.put(entry.getKey(), text));
  }

  /// A token is a string or an object with its text as `content`.
  private static Optional<String> content(JsonNode token) {
    JsonNode text = token.isObject() ? token.path("content") : token;
    return text.isString() ? Optional.of(text.stringValue()) : Optional.empty();
  }

  /// `eos_token` names one token or lists several.
  private static List<String> endTokens(JsonNode named) {
    if (!named.isArray()) {
      return content(named).stream().toList();
    }
    return named.valueStream().flatMap(token -> content(token).stream()).toList();
  }

  private static Map<Integer, JsonNode> addedTokens(JsonNode config) {
    Map<Integer, JsonNode> tokens = new TreeMap<>();
    config
        .path("added_tokens_decoder")
        .properties()
        .forEach(entry -> {
          boolean number = entry.getKey().matches("\\d{1,9}");
          if (number && entry.getValue().path("content").isString()) {
            tokens.put(Integer.parseInt(entry.getKey()), entry.getValue());
          }
        });
    return tokens;
  }
}
