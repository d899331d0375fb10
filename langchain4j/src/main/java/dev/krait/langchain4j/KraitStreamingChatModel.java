package dev.krait.langchain4j;

import dev.krait.AnswerStream;
import dev.krait.Chat;
import dev.krait.Krait;
import dev.krait.error.EngineException;
import dev.krait.reply.ReplyEvent;
import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialThinking;
import dev.langchain4j.model.chat.response.PartialToolCall;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// A [Krait] as a streaming chat model: handlers hear on a virtual thread of their request. Any
/// thread may ask; whoever opened the Krait closes it.
public final class KraitStreamingChatModel implements StreamingChatModel {
  private final Krait krait;
  private final ChatRequestParameters defaults;

  /// A model whose requests leave everything to the checkpoint.
  public KraitStreamingChatModel(Krait krait) {
    this(krait, ChatRequestParameters.builder().build());
  }

  /// A model with parameters for requests that name none.
  public KraitStreamingChatModel(Krait krait, ChatRequestParameters defaults) {
    this.krait = krait;
    this.defaults = defaults;
  }

  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Chat chat = Requests.chat(request);
    Thread.ofVirtual().name("krait-langchain4j").start(() -> stream(chat, handler));
  }

  private void stream(Chat chat, StreamingChatResponseHandler handler) {
    ChatResponse whole;
    try (AnswerStream stream = krait.stream(chat)) {
      List<ToolCallStart> calls = new ArrayList<>();
      for (ReplyEvent event : stream) {
        hear(event, calls, handler);
      }
      whole = Responses.of(stream.answer());
      for (int i = 0; i < calls.size(); i++) {
        handler.onCompleteToolCall(
            new CompleteToolCall(i, whole.aiMessage().toolExecutionRequests().get(i)));
      }
    } catch (EngineException e) {
      handler.onError(Responses.failure(e));
      return;
    } catch (RuntimeException e) {
      handler.onError(e);
      return;
    }
    handler.onCompleteResponse(whole);
  }

  private static void hear(
      ReplyEvent event, List<ToolCallStart> calls, StreamingChatResponseHandler handler) {
    switch (event) {
      case TextDelta delta -> handler.onPartialResponse(delta.text());
      case ReasoningDelta delta -> handler.onPartialThinking(new PartialThinking(delta.text()));
      case ToolCallStart start -> calls.add(start);
      case ToolArgumentsDelta delta -> {
        ToolCallStart call = calls.get(delta.index());
        handler.onPartialToolCall(
            PartialToolCall.builder()
                .index(delta.index())
                .id(call.id())
                .name(call.name())
                .partialArguments(delta.json())
                .build());
      }
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
