package dev.krait.server.http;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.TokenIds;
import dev.krait.server.anthropic.Messages;
import dev.krait.server.openai.OpenAiJson;
import dev.krait.server.openai.OpenAiParser;
import dev.krait.server.openai.TokenNames;
import dev.krait.server.openai.TokenizerInfo;
import dev.krait.server.service.TextPool;
import dev.krait.service.PromptEncoder;
import dev.krait.service.ServedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Answers `/tokenize`, `/detokenize` and `/tokenizer_info`.
public final class TokensHandler {
  private final ServedModel model;
  private final PromptEncoder encoder;
  private final TextPool pool;
  private final OpenAiParser parser;
  private final TokenNames names;

  /// Creates the handler.
  ///
  /// @param pool where bodies are read and text is encoded
  public TokensHandler(
      ServedModel model,
      PromptEncoder encoder,
      TextPool pool,
      OpenAiParser parser,
      TokenNames names) {
    this.model = model;
    this.encoder = encoder;
    this.pool = pool;
    this.parser = parser;
    this.names = names;
  }

  /// Text or a conversation to ids.
  public void tokenize(HttpExchange exchange) {
    exchange.respondJson(pool.call(() -> tokenize(exchange.body())));
  }

  private byte[] tokenize(byte[] body) {
    OpenAiParser.TokenizeRequest request = parser.tokenize(body);
    model.checkName(request.model());
    TokenIds ids = encoder.encode(request.prompt());
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      json.writeNumberProperty("count", ids.size());
      json.writeNumberProperty("max_model_len", model.info().maxTokens());
      json.writeName("tokens");
      json.writeArray(ids.toArray(), 0, ids.size());
      if (request.strings()) {
        json.writeArrayPropertyStart("token_strs");
        for (int i = 0; i < ids.size(); i++) {
          json.writeString(names.text(ids.at(i)));
        }
        json.writeEndArray();
      } else {
        json.writeNullProperty("token_strs");
      }
      json.writeEndObject();
    });
  }

  /// Tokens of a conversation in the form of `/v1/messages`.
  void count(HttpExchange exchange, Messages messages) {
    exchange.respondJson(
        pool.call(() -> {
          Messages.Counted counted = messages.counted(exchange.body());
          model.checkName(counted.model());
          int tokens = encoder.encode(counted.prompt()).size();
          return OpenAiJson.write(json -> {
            json.writeStartObject();
            json.writeNumberProperty("input_tokens", tokens);
            json.writeEndObject();
          });
        }));
  }

  /// Ids to text, special tokens included.
  public void detokenize(HttpExchange exchange) {
    exchange.respondJson(pool.call(() -> detokenize(exchange.body())));
  }

  private byte[] detokenize(byte[] body) {
    OpenAiParser.DetokenizeRequest request = parser.detokenize(body);
    model.checkName(request.model());
    TokenIds ids = encoder.checked("tokens", request.ids());
    String text = model.tokenizer().decode(ids.toArray(), 0, ids.size(), false);
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      json.writeStringProperty("prompt", text);
      json.writeEndObject();
    });
  }

  /// What the model's folder says of its tokenizer.
  public void info(HttpExchange exchange) {
    Path file = model.folder().resolve("tokenizer_config.json");
    if (!Files.exists(file)) {
      throw new EngineException(
          ErrorCode.NOT_FOUND, "path", "path: the model has no tokenizer_config.json");
    }
    try {
      exchange.respondJson(TokenizerInfo.json(Files.readAllBytes(file)));
    } catch (IOException e) {
      throw new EngineException(ErrorCode.INTERNAL, "tokenizer_config.json: unreadable", e);
    }
  }
}
