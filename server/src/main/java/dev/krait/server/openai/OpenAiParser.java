package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import dev.krait.service.OutputOptions;
import dev.krait.service.OutputOptions.Replies;
import dev.krait.service.Prompt;
import dev.krait.service.PromptRequest;
import dev.krait.service.SamplingRequest;
import dev.krait.service.StopRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/// Request bodies of the OpenAI endpoints, with vLLM's further fields, as validated requests.
///
/// Unknown fields are accepted and ignored; fields that ask for a feature this server lacks are
/// refused with UNSUPPORTED, values out of range with INVALID_ARGUMENT.
public final class OpenAiParser {
  private static final Logger LOG = LoggerFactory.getLogger(OpenAiParser.class);
  private static final int COMPLETION_TOKENS = 16;
  private static final int MAX_TIMEOUT_SECONDS = 7 * 24 * 3600;

  private final MessageParser messages;

  /// Creates a parser.
  ///
  /// @param trustRequestTemplates whether a request may bring its own chat template
  public OpenAiParser(boolean trustRequestTemplates) {
    this.messages = new MessageParser(trustRequestTemplates);
  }

  /// A body of `/v1/completions`.
  ///
  /// @param requestId name of the request unless the body has one
  public OpenAiRequest completion(byte[] body, String requestId) {
    JsonFields fields = OpenAiJson.object(body);
    UnsupportedFields.refuseInCompletion(fields);
    boolean echo = fields.flag("echo", false);
    int logprobs = fields.integer("logprobs").orElse(-1);
    if (logprobs < -1) {
      throw EngineException.invalidArgument("logprobs", logprobs, "0 or more");
    }
    OptionalInt maxTokens = OptionalInt.of(fields.integer("max_tokens").orElse(COMPLETION_TOKENS));
    OpenAiRequest request =
        request(
            fields,
            prompts(fields, fields.flag("add_special_tokens", true)),
            maxTokens,
            output(fields, echo, logprobs),
            requestId);
    logUnknown(fields);
    return request;
  }

  /// A body of `/v1/chat/completions`.
  ///
  /// @param requestId name of the request unless the body has one
  public OpenAiRequest chat(byte[] body, String requestId) {
    JsonFields fields = OpenAiJson.object(body);
    UnsupportedFields.refuseInChat(fields);
    boolean echo = fields.flag("echo", false);
    boolean wanted = fields.flag("logprobs", false);
    OptionalInt alternatives = fields.integer("top_logprobs");
    if (alternatives.orElse(0) < 0) {
      throw EngineException.invalidArgument("top_logprobs", alternatives.orElse(0), "0 or more");
    }
    if (alternatives.orElse(0) > 0 && !wanted) {
      throw EngineException.invalidArgument(
          "top_logprobs", alternatives.orElse(0), "none, unless logprobs is true");
    }
    OptionalInt newer = fields.integer("max_completion_tokens");
    OptionalInt older = fields.integer("max_tokens");
    if (newer.orElse(0) < 0) {
      throw EngineException.invalidArgument("max_completion_tokens", newer.orElse(0), "0 or more");
    }
    Prompt.Chat chat = messages.chat(fields, fields.flag("add_special_tokens", false));
    OpenAiRequest request =
        request(
            fields,
            List.of(chat),
            newer.isPresent() ? newer : older,
            output(fields, echo, wanted ? alternatives.orElse(0) : -1)
                .with(fields.flag("stream", false) ? Replies.STREAMED : Replies.WHOLE),
            requestId);
    logUnknown(fields);
    return request;
  }

  /// A body of `/tokenize`: a prompt or a conversation, and whether token strings are wanted.
  ///
  /// @param prompt what to encode
  /// @param model the model it names, if any
  /// @param strings whether each token's text is wanted
  public record TokenizeRequest(Prompt prompt, Optional<String> model, boolean strings) {}

  /// A body of `/tokenize`.
  public TokenizeRequest tokenize(byte[] body) {
    JsonFields fields = OpenAiJson.object(body);
    Prompt prompt;
    if (fields.find("messages").isPresent()) {
      prompt = messages.chat(fields, fields.flag("add_special_tokens", false));
    } else {
      String text =
          fields
              .text("prompt")
              .orElseThrow(
                  () -> EngineException.invalidArgument("prompt", "missing", "prompt or messages"));
      prompt = new Prompt.Text(text, fields.flag("add_special_tokens", true));
    }
    TokenizeRequest request =
        new TokenizeRequest(prompt, fields.text("model"), fields.flag("return_token_strs", false));
    logUnknown(fields);
    return request;
  }

  /// A body of `/detokenize`: its ids and, if given, the model.
  ///
  /// @param ids tokens to decode
  /// @param model the model it names, if any
  public record DetokenizeRequest(TokenIds ids, Optional<String> model) {}

  /// A body of `/detokenize`.
  public DetokenizeRequest detokenize(byte[] body) {
    JsonFields fields = OpenAiJson.object(body);
    JsonNode tokens =
        fields
            .find("tokens")
            .filter(JsonNode::isArray)
            .orElseThrow(
                () -> EngineException.invalidArgument("tokens", "missing", "a list of token ids"));
    return new DetokenizeRequest(JsonFields.idsOf(tokens, "tokens"), fields.text("model"));
  }

  private static OpenAiRequest request(
      JsonFields fields,
      List<Prompt> prompts,
      OptionalInt maxTokens,
      OutputOptions output,
      String requestId) {
    fields.accept("user", "store", "metadata", "service_tier", "vllm_xargs");
    ResponseOptions response = response(fields);
    OptionalInt promptLogprobs = fields.integer("prompt_logprobs");
    if (response.stream() && promptLogprobs.isPresent()) {
      throw EngineException.invalidArgument(
          "prompt_logprobs", promptLogprobs.getAsInt(), "none, with stream");
    }
    PromptRequest prompt =
        new PromptRequest(
            fields.text("request_id").orElse(requestId),
            fields.text("model"),
            prompts,
            fields.integer("n").orElse(1),
            sampling(fields),
            stop(fields, maxTokens),
            output,
            keepLast(fields),
            fields.integer("priority").orElse(0),
            timeout(fields),
            StructuredOutputParser.of(fields),
            fields.text("cache_salt").orElse(""),
            fields.text("session_id"));
    return new OpenAiRequest(prompt, response);
  }

  private static Optional<Duration> timeout(JsonFields fields) {
    OptionalDouble given = fields.number("timeout");
    if (given.isEmpty()) {
      return Optional.empty();
    }
    double seconds = given.getAsDouble();
    if (seconds <= 0 || seconds > MAX_TIMEOUT_SECONDS) {
      throw EngineException.invalidArgument(
          "timeout", seconds, "seconds, more than 0 and at most " + MAX_TIMEOUT_SECONDS);
    }
    return Optional.of(Duration.ofNanos((long) Math.ceil(seconds * 1e9)));
  }

  private static ResponseOptions response(JsonFields fields) {
    boolean stream = fields.flag("stream", false);
    Optional<JsonFields> options = fields.object("stream_options");
    if (options.isPresent() && !stream) {
      throw EngineException.invalidArgument("stream_options", "an object", "none, without stream");
    }
    return new ResponseOptions(
        stream,
        options.map(o -> o.flag("include_usage", false)).orElse(false),
        options.map(o -> o.flag("continuous_usage_stats", false)).orElse(false),
        fields.flag("return_token_ids", false),
        fields.flag("return_tokens_as_token_ids", false),
        fields.flag("include_reasoning", true));
  }

  private static OutputOptions output(JsonFields fields, boolean echo, int logprobs) {
    OptionalInt given = fields.integer("prompt_logprobs");
    int most = SamplingParams.MAX_LOGPROBS;
    if (given.orElse(0) < -1 || given.orElse(0) > most) {
      throw EngineException.invalidArgument(
          "prompt_logprobs", given.orElse(0), "-1 (all) or 0 to " + most);
    }
    int prompt = given.orElse(-1);
    if (given.isPresent() && prompt == -1) {
      prompt = SamplingParams.ALL_LOGPROBS;
    }
    return new OutputOptions(
        logprobs,
        Math.max(prompt, echo ? logprobs : -1),
        echo,
        fields.flag("skip_special_tokens", true));
  }

  private static SamplingRequest sampling(JsonFields fields) {
    OptionalInt topK = fields.integer("top_k");
    if (topK.orElse(0) < -1) {
      throw EngineException.invalidArgument("top_k", topK.orElse(0), "-1 or 0 (all) or more");
    }
    return new SamplingRequest(
        fields.number("temperature"),
        topK,
        fields.number("top_p"),
        fields.number("min_p"),
        fields.longInteger("seed"),
        fields.number("repetition_penalty"),
        (float) fields.number("presence_penalty").orElse(0),
        (float) fields.number("frequency_penalty").orElse(0),
        logitBias(fields));
  }

  private static Map<Integer, Float> logitBias(JsonFields fields) {
    Optional<JsonFields> given = fields.object("logit_bias");
    if (given.isEmpty()) {
      return Map.of();
    }
    Map<Integer, Float> bias = new HashMap<>();
    for (Map.Entry<String, JsonNode> entry : given.get().entries().entrySet()) {
      String path = given.get().path(entry.getKey());
      int id;
      try {
        id = Integer.parseInt(entry.getKey());
      } catch (NumberFormatException e) {
        throw new EngineException(
            ErrorCode.INVALID_ARGUMENT,
            "logit_bias",
            "logit_bias: \"" + EngineException.shown(entry.getKey()) + "\" (expected: a token id)",
            e);
      }
      if (bias.put(id, (float) JsonFields.numberOf(entry.getValue(), path)) != null) {
        throw EngineException.invalidArgument(
            "logit_bias", "token " + id + " twice", "each token once");
      }
    }
    return bias;
  }

  private static StopRequest stop(JsonFields fields, OptionalInt maxTokens) {
    List<String> strings = new ArrayList<>();
    Optional<JsonNode> stop = fields.find("stop");
    if (stop.isPresent() && stop.get().isArray()) {
      for (int i = 0; i < stop.get().size(); i++) {
        strings.add(JsonFields.textOf(stop.get().get(i), "stop[" + i + "]"));
      }
    } else if (stop.isPresent()) {
      strings.add(JsonFields.textOf(stop.get(), "stop"));
    }
    TokenIds ids =
        fields
            .find("stop_token_ids")
            .map(list -> {
              if (!list.isArray()) {
                throw EngineException.invalidArgument(
                    "stop_token_ids", JsonFields.kind(list), "a list of token ids");
              }
              return JsonFields.idsOf(list, "stop_token_ids");
            })
            .orElse(TokenIds.empty());
    return new StopRequest(
        maxTokens,
        fields.integer("min_tokens").orElse(0),
        strings,
        fields.flag("include_stop_str_in_output", false),
        ids,
        fields.flag("ignore_eos", false));
  }

  private static OptionalInt keepLast(JsonFields fields) {
    OptionalInt given = fields.integer("truncate_prompt_tokens");
    return given.isPresent() && given.getAsInt() == -1 ? OptionalInt.of(Integer.MAX_VALUE) : given;
  }

  private static List<Prompt> prompts(JsonFields fields, boolean addSpecialTokens) {
    JsonNode prompt =
        fields
            .find("prompt")
            .orElseThrow(() ->
                EngineException.invalidArgument(
                    "prompt", "missing", "text, a list of texts, token ids, or lists of ids"));
    if (prompt.isString()) {
      return List.of(new Prompt.Text(prompt.stringValue(), addSpecialTokens));
    }
    if (!prompt.isArray()) {
      throw EngineException.invalidArgument("prompt", JsonFields.kind(prompt), "text or a list");
    }
    if (prompt.isEmpty()) {
      throw EngineException.invalidArgument("prompt", "an empty list", "at least one prompt");
    }
    if (prompt.get(0).isNumber()) {
      return List.of(new Prompt.Ids(JsonFields.idsOf(prompt, "prompt")));
    }
    List<Prompt> prompts = new ArrayList<>(prompt.size());
    for (int i = 0; i < prompt.size(); i++) {
      JsonNode item = prompt.get(i);
      String path = "prompt[" + i + "]";
      prompts.add(
          item.isArray()
              ? new Prompt.Ids(JsonFields.idsOf(item, path))
              : new Prompt.Text(JsonFields.textOf(item, path), addSpecialTokens));
    }
    return prompts;
  }

  private static void logUnknown(JsonFields fields) {
    if (LOG.isDebugEnabled()) {
      Set<String> unknown = fields.unknown();
      if (!unknown.isEmpty()) {
        LOG.debug("ignored request fields: {}", unknown);
      }
    }
  }
}
