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

  private final byte[] bytes;
  private final Vocabulary vocabulary;
  private final TokenCodec codec;

  private TokenizerFile(byte[] bytes, Vocabulary vocabulary, TokenCodec codec) {
    this.bytes = bytes;
    this.vocabulary = vocabulary;
    this.codec = codec;
  }

  static TokenizerFile read(Path file, TokenizerConfig config) {
    require(file);
    try {
      byte[] bytes = Files.readAllBytes(file);
      Contents contents = Contents.parse(bytes);
      List<JsonNode> missing = contents.missing(config.addedTokens());
      if (missing.isEmpty()) {
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

  private static byte[] complete(byte[] bytes, List<JsonNode> missing) {
    JsonMapper mapper = TokenizerConfig.mapper();
    ObjectNode root = (ObjectNode) mapper.readTree(bytes);
    ArrayNode added =
        root.path("added_tokens").isArray()
            ? (ArrayNode) root.get("added_tokens")
            : root.putArray("added_tokens");
    missing.forEach(added::add);
    return mapper.writeValueAsBytes(root);
  }

  /// What the file holds, as far as it matters here.
  private record Contents(
      List<Vocabulary.Piece> pieces, List<Vocabulary.Piece> added, JsonNode decoder) {

    static Contents parse(byte[] bytes) {
      JsonMapper mapper = TokenizerConfig.mapper();
      List<Vocabulary.Piece> pieces = new ArrayList<>();
      List<Vocabulary.Piece> added = new ArrayList<>();
      JsonNode decoder = mapper.missingNode();
      try (JsonParser parser = mapper.createParser(bytes)) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
          throw EngineException.invalidCheckpoint("not a JSON object");
        }
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
          String name = parser.currentName();
          parser.nextToken();
          switch (name) {
            case "added_tokens" -> addedTokens(mapper.readTree(parser), added);
            case "decoder" -> decoder = mapper.readTree(parser);
            case "model" -> model(parser, pieces);
            default -> parser.skipChildren();
          }
        }
      }
      if (pieces.isEmpty()) {
        throw EngineException.invalidCheckpoint("model.vocab: missing (expected: a vocabulary)");
      }
      return new Contents(pieces, added, decoder);
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
      return new TokenizerFile(bytes, vocabulary, TokenCodec.of(decoder, vocabulary));
    }
  }
}
