package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
/// `added_tokens.json` and `chat_template.jinja`, all optional.
///
/// @param endTokens texts of all tokens that end a sequence, `eosToken` among them
/// @param addedTokens tokens that the files define, as JSON objects by id
record TokenizerConfig(
    Optional<String> bosToken,
    Optional<String> eosToken,
    List<String> endTokens,
    Optional<String> chatTemplate,
    Map<Integer, JsonNode> addedTokens) {

  static TokenizerConfig read(Path folder) {
    JsonNode config = json(folder.resolve("tokenizer_config.json"));
    JsonNode special = json(folder.resolve("special_tokens_map.json"));
    return new TokenizerConfig(
        token("bos_token", config, special),
        token("eos_token", config, special),
        endTokens(config.has("eos_token") ? config.get("eos_token") : special.path("eos_token")),
        chatTemplate(folder, config),
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

  private static Optional<String> token(String name, JsonNode config, JsonNode special) {
    return config.has(name) ? content(config.get(name)) : content(special.path(name));
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

  private static Optional<String> chatTemplate(Path folder, JsonNode config) {
    Path file = folder.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      try {
        return Optional.of(Files.readString(file, StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new EngineException(ErrorCode.INVALID_CHECKPOINT, file + ": " + e.getMessage(), e);
      }
    }
    JsonNode template = config.path("chat_template");
    if (template.isArray()) {
      for (JsonNode named : template) {
        if (named.path("name").asString("").equals("default")) {
          return content(named.path("template"));
        }
      }
      return Optional.empty();
    }
    return content(template);
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
