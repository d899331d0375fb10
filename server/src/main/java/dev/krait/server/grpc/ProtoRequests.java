package dev.krait.server.grpc;

import dev.krait.error.EngineException;
import dev.krait.generation.SamplingParams;
import dev.krait.generation.TokenIds;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.Message;
import dev.krait.proto.inference.v1.Report;
import dev.krait.proto.inference.v1.Sampling;
import dev.krait.proto.inference.v1.Stop;
import dev.krait.reply.ToolUse;
import dev.krait.service.OutputOptions;
import dev.krait.service.Prompt;
import dev.krait.service.PromptRequest;
import dev.krait.service.SamplingRequest;
import dev.krait.service.StopRequest;
import dev.krait.service.StructuredOutput;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/// Messages of the protocol as validated requests.
final class ProtoRequests {
  private static final int PROMPT_TOKENS = 16;

  private ProtoRequests() {}

  /// A request.
  ///
  /// @param id name of the request unless it has one
  /// @param timeout time that the call leaves
  /// @throws EngineException with INVALID_ARGUMENT when a value is out of range
  static PromptRequest of(GenerateRequest request, String id, Optional<Duration> timeout) {
    Prompt prompt = prompt(request);
    OptionalInt maxTokens =
        request.hasMaxTokens()
            ? OptionalInt.of(request.getMaxTokens())
            : prompt instanceof Prompt.Chat ? OptionalInt.empty() : OptionalInt.of(PROMPT_TOKENS);
    return new PromptRequest(
        request.getRequestId().isEmpty() ? id : request.getRequestId(),
        request.getModel().isEmpty() ? Optional.empty() : Optional.of(request.getModel()),
        List.of(prompt),
        1,
        sampling(request.getSampling()),
        stop(request.getStop(), maxTokens),
        output(request.getReport()),
        OptionalInt.empty(),
        request.getPriority(),
        timeout,
        structure(request.getStructuredOutput()),
        request.getCacheSalt(),
        request.getSessionId().isEmpty() ? Optional.empty() : Optional.of(request.getSessionId()));
  }

  private static Optional<StructuredOutput> structure(
      dev.krait.proto.inference.v1.StructuredOutput from) {
    String field = "structured_output." + from.getKindCase().name().toLowerCase(Locale.ROOT);
    return switch (from.getKindCase()) {
      case JSON_SCHEMA -> Optional.of(StructuredOutput.jsonSchema(field, from.getJsonSchema()));
      case JSON_OBJECT ->
          from.getJsonObject() ? Optional.of(StructuredOutput.jsonObject(field)) : Optional.empty();
      case REGEX -> Optional.of(StructuredOutput.regex(field, from.getRegex()));
      case CHOICE -> Optional.of(StructuredOutput.choice(field, from.getChoice().getTextsList()));
      case GRAMMAR -> Optional.of(StructuredOutput.grammar(field, from.getGrammar()));
      case KIND_NOT_SET -> Optional.empty();
    };
  }

  private static Prompt prompt(GenerateRequest request) {
    boolean text = !request.getPrompt().isEmpty();
    boolean ids = request.getPromptTokenIdsCount() > 0;
    boolean chat = request.getMessagesCount() > 0;
    int given = (text ? 1 : 0) + (ids ? 1 : 0) + (chat ? 1 : 0);
    if (given != 1) {
      throw EngineException.invalidArgument(
          "prompt", given + " given", "exactly one of prompt, prompt_token_ids and messages");
    }
    boolean special = !request.hasAddSpecialTokens() || request.getAddSpecialTokens();
    if (text) {
      return new Prompt.Text(request.getPrompt(), special);
    }
    if (ids) {
      return new Prompt.Ids(tokenIds(request.getPromptTokenIdsList()));
    }
    List<Map<String, Object>> messages = new ArrayList<>();
    for (Message message : request.getMessagesList()) {
      messages.add(Map.of("role", message.getRole(), "content", message.getContent()));
    }
    return new Prompt.Chat(
        messages, ToolUse.none(), Map.of(), true, false, false, Optional.empty());
  }

  private static SamplingRequest sampling(Sampling from) {
    if (from.getTopK() < -1) {
      throw EngineException.invalidArgument("top_k", from.getTopK(), "-1 or 0 (all) or more");
    }
    return new SamplingRequest(
        number(from.hasTemperature(), from.getTemperature()),
        from.hasTopK() ? OptionalInt.of(from.getTopK()) : OptionalInt.empty(),
        number(from.hasTopP(), from.getTopP()),
        number(from.hasMinP(), from.getMinP()),
        from.hasSeed() ? OptionalLong.of(from.getSeed()) : OptionalLong.empty(),
        number(from.hasRepetitionPenalty(), from.getRepetitionPenalty()),
        from.getPresencePenalty(),
        from.getFrequencyPenalty(),
        from.getLogitBiasMap());
  }

  private static StopRequest stop(Stop from, OptionalInt maxTokens) {
    return new StopRequest(
        maxTokens,
        from.getMinTokens(),
        from.getStringsList(),
        from.getIncludeInOutput(),
        tokenIds(from.getTokenIdsList()),
        from.getIgnoreEndTokens());
  }

  private static OutputOptions output(Report from) {
    return new OutputOptions(
        alternatives("logprobs", from.hasLogprobs(), from.getLogprobs()),
        alternatives("prompt_logprobs", from.hasPromptLogprobs(), from.getPromptLogprobs()),
        false,
        !from.getKeepSpecialTokens());
  }

  private static int alternatives(String name, boolean given, int value) {
    if (given && (value < 0 || value > SamplingParams.MAX_LOGPROBS)) {
      throw EngineException.invalidArgument(name, value, "0 to " + SamplingParams.MAX_LOGPROBS);
    }
    return given ? value : -1;
  }

  private static OptionalDouble number(boolean given, float value) {
    return given ? OptionalDouble.of(value) : OptionalDouble.empty();
  }

  private static TokenIds tokenIds(List<Integer> ids) {
    return TokenIds.of(ids.stream().mapToInt(Integer::intValue).toArray());
  }
}
