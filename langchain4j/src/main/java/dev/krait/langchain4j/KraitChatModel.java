package dev.krait.langchain4j;

import dev.krait.Krait;
import dev.krait.error.EngineException;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.Set;

/// A [Krait] as a chat model. Any thread may ask; whoever opened the Krait closes it.
public final class KraitChatModel implements ChatModel {
  private final Krait krait;
  private final ChatRequestParameters defaults;

  /// A model whose requests leave everything to the checkpoint.
  public KraitChatModel(Krait krait) {
    this(krait, ChatRequestParameters.builder().build());
  }

  /// A model with parameters for requests that name none.
  public KraitChatModel(Krait krait, ChatRequestParameters defaults) {
    this.krait = krait;
    this.defaults = defaults;
  }

  @Override
  public ChatResponse doChat(ChatRequest request) {
    try {
      return Responses.of(krait.chat(Requests.chat(request)));
    } catch (EngineException e) {
      throw Responses.failure(e);
    }
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return defaults;
  }

  @Override
  public Set<Capability> supportedCapabilities() {
    return Set.of(Capability.RESPONSE_FORMAT_JSON_SCHEMA);
  }
}
