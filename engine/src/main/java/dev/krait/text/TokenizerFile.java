package dev.krait.text;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A `tokenizer.json`, read as a stream because real ones hold ten megabytes.
final class TokenizerFile {
  private static final List<String> OTHER_FORMATS =
      List.of("tokenizer.model", "vocab.json", "spiece.model", "vocab.txt");

  /// Expressions of published tokenizers (DeepSeek-Coder) whose time grows with the square of the
  /// text, and what finds the same in time that grows with the text: a run of spaces at the end of
  /// a line is looked for where the run begins alone.
  private static final Map<String, String> REWRITTEN = Map.of("\\s+$", "(?<!\\s)\\s+$");

  private final byte[] bytes;
  private final Vocabulary vocabulary;
  private final TokenCodec codec;
  private final boolean normalizes;
  private final int maxCharacters;

  private TokenizerFile(byte[] bytes, Vocabulary vocabulary, Contents contents) {
    this.bytes = bytes;
    this.vocabulary = vocabulary;
    this.codec = TokenCodec.of(contents.decoder(), vocabulary);
    this.normalizes = contents.normalizer().isObject();
    this.maxCharacters = BacktrackCost.MAX_RETRIES / Math.max(1, contents.retries());
  }

  static TokenizerFile read(Path file, TokenizerConfig config) {
    require(file);
    try {
      byte[] bytes = Files.readAllBytes(file);
      Contents contents = Contents.parse(bytes);
      List<JsonNode> missing = contents.missing(config.addedTokens());
      if (missing.isEmpty() && !contents.rewritten()) {
        return contents.file(bytes);
      }
      byte[] completed = complete(bytes, missing);
      return Contents.parse(completed).file(completed);
    } catch (IOException | JacksonException e) {
      throw new EngineException(ErrorCode.INVALID_CHECKPOINT, file + ": " + e.getMessage(), e);
    } catch (EngineException e) {
      throw new EngineException(e.code(), file + ": " + e.getMessage(), e);
    }
  }

  static void require(Path file) {
    if (Files.isRegularFile(file)) {
      return;
    }
    List<String> others =
        OTHER_FORMATS.stream().filter(name -> Files.exists(file.resolveSibling(name))).toList();
    throw EngineException.invalidCheckpoint(
        file
            + ": missing"
            + (others.isEmpty() ? "" : ", only " + String.join(", ", others))
            + " (expected: the tokenizer of the model, as"
            + " AutoTokenizer.from_pretrained(...).save_pretrained(DIR) writes it)");
  }

  /// The file, with the tokens that only the configuration names added to it.
  byte[] bytes() {
    return bytes;
  }

  Vocabulary vocabulary() {
    return vocabulary;
  }

  TokenCodec codec() {
    return codec;
  }

  /// Whether a text is changed before it is cut into tokens.
  boolean normalizes() {
    return normalizes;
  }

  /// Characters of the longest text that the regular expressions of the file can cope with.
  int maxCharacters() {
    return maxCharacters;
  }

  private static byte[] complete(byte[] bytes, List<JsonNode> missing) {
    JsonMapper mapper = TokenizerConfig.mapper();
    ObjectNode root = (ObjectNode) mapper.readTree(bytes);
    ArrayNode added =
        root.path("added_tokens").isArray()
            ? (ArrayNode) root.get("added_tokens")
            : root.putArray("added_tokens");
    missing.forEach(added::add);
    for (JsonNode pattern : root.path("pre_tokenizer").findParents("Regex")) {
      String expression = pattern.path("Regex").asString("");
      ((ObjectNode) pattern).put("Regex", REWRITTEN.getOrDefault(expression, expression));
    }
    return mapper.writeValueAsBytes(root);
  }

  /// What the file holds, as far as it matters here.
  private record Contents(
      List<Vocabulary.Piece> pieces,
      List<Vocabulary.Piece> added,
      JsonNode normalizer,
      JsonNode decoder,
      int retries,
      boolean rewritten) {

    static Contents parse(byte[] bytes) {
      JsonMapper mapper = TokenizerConfig.mapper();
      List<Vocabulary.Piece> pieces = new ArrayList<>();
      List<Vocabulary.Piece> added = new ArrayList<>();
      JsonNode normalizer = mapper.missingNode();
      JsonNode decoder = mapper.missingNode();
      int retries = 0;
      boolean rewritten = false;
      try (JsonParser parser = mapper.createParser(bytes)) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
          throw EngineException.invalidCheckpoint("not a JSON object");
        }
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          switch (name) {
            case "added_tokens" -> addedTokens(mapper.readTree(parser), added);
            case "normalizer" -> {
              normalizer = mapper.readTree(parser);
              retries = Math.max(retries, retries(name, normalizer));
            }
            case "pre_tokenizer" -> {
              JsonNode steps = mapper.readTree(parser);
              retries = Math.max(retries, retries(name, steps));
              rewritten =
                  steps.findValues("Regex").stream()
                      .anyMatch(regex -> REWRITTEN.containsKey(regex.asString("")));
            }
            case "decoder" -> {
              decoder = mapper.readTree(parser);
              retries = Math.max(retries, retries(name, decoder));
            }
            case "model" -> model(parser, pieces);
            default -> parser.skipChildren();
          }
        }
      }
      if (pieces.isEmpty()) {
        throw EngineException.invalidCheckpoint("model.vocab: missing (expected: a vocabulary)");
      }
      return new Contents(pieces, added, normalizer, decoder, retries, rewritten);
    }

    /// The most that one of the regular expressions below a node costs.
    private static int retries(String field, JsonNode node) {
      int most = 0;
      for (JsonNode expression : node.findValues("Regex")) {
        String text = expression.asString("");
        if (REWRITTEN.containsKey(text) || REWRITTEN.containsValue(text)) {
          most = Math.max(most, 1);
          continue;
        }
        try {
          most = Math.max(most, BacktrackCost.retriesPerCharacter(text));
        } catch (EngineException e) {
          throw new EngineException(e.code(), field + ": " + e.getMessage(), e);
        }
      }
      return most;
    }

    private static void addedTokens(JsonNode tokens, Collection<Vocabulary.Piece> added) {
      for (JsonNode token : tokens) {
        if (!token.path("id").isIntegralNumber() || !token.path("content").isString()) {
          throw EngineException.invalidCheckpoint(
              "added_tokens: " + token + " (expected: an id and a content)");
        }
        added.add(
            new Vocabulary.Piece(
                token.path("id").intValue(),
                token.path("content").stringValue(),
                token.path("special").asBoolean(false)));
      }
    }

    private static void model(JsonParser parser, List<Vocabulary.Piece> pieces) {
      if (parser.currentToken() != JsonToken.START_OBJECT) {
        throw EngineException.invalidCheckpoint("model: not an object");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        boolean vocabulary = parser.currentName().equals("vocab");
        JsonToken value = parser.nextToken();
        if (!vocabulary) {
          parser.skipChildren();
        } else if (value == JsonToken.START_OBJECT) {
          byName(parser, pieces);
        } else if (value == JsonToken.START_ARRAY) {
          byPosition(parser, pieces);
        }
      }
    }

    private static void byName(JsonParser parser, List<Vocabulary.Piece> pieces) {
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String text = parser.currentName();
        if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
          throw EngineException.invalidCheckpoint("model.vocab: id of '" + text + "' is no number");
        }
        pieces.add(new Vocabulary.Piece(parser.getIntValue(), text, false));
      }
    }

    /// Unigram models list `[piece, score]` in the order of the ids.
    private static void byPosition(JsonParser parser, List<Vocabulary.Piece> pieces) {
      while (parser.nextToken() == JsonToken.START_ARRAY) {
        if (parser.nextToken() != JsonToken.VALUE_STRING) {
          throw EngineException.invalidCheckpoint("model.vocab: piece " + pieces.size());
        }
        pieces.add(new Vocabulary.Piece(pieces.size(), parser.getString(), false));
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          parser.skipChildren();
        }
      }
    }

    /// Added tokens of the configuration that the file does not have.
    List<JsonNode> missing(Map<Integer, JsonNode> configured) {
      Set<String> present = new HashSet<>();
      added.forEach(piece -> present.add(piece.text()));
      List<JsonNode> missing = new ArrayList<>();
      configured.forEach((id, token) -> {
        if (!present.contains(token.path("content").stringValue())) {
          missing.add(((ObjectNode) token.deepCopy()).put("id", id));
        }
      });
      return missing;
    }

    TokenizerFile file(byte[] bytes) {
      List<Vocabulary.Piece> all = new ArrayList<>(pieces);
      all.addAll(added);
      Vocabulary vocabulary = Vocabulary.of(all);
      return new TokenizerFile(bytes, vocabulary, this);
    }
  }
}
