package dev.krait.reply;

import dev.krait.reply.ReplyEvent.ReasoningDelta;
import dev.krait.reply.ReplyEvent.TextDelta;
import dev.krait.reply.ReplyEvent.ToolArgumentsDelta;
import dev.krait.reply.ReplyEvent.ToolCallStart;
import java.util.ArrayList;
import java.util.List;

/// Collects events; deltas that follow each other become one.
public final class ReplyEvents {
  private static final ReplyEvent TEXT = new TextDelta("");
  private static final ReplyEvent REASONING = new ReasoningDelta("");

  private final List<ReplyEvent> events = new ArrayList<>();

  /// What the pieces at the end have in common, and their text so far.
  private ReplyEvent last = TEXT;

  private final StringBuilder text = new StringBuilder();

  /// Adds text of the answer.
  public void text(CharSequence added) {
    add(TEXT, added);
  }

  void reasoning(CharSequence added) {
    add(REASONING, added);
  }

  void start(ToolCallStart call) {
    close();
    events.add(call);
  }

  void arguments(int index, CharSequence added) {
    add(new ToolArgumentsDelta(index, ""), added);
  }

  /// Adds an event.
  void add(ReplyEvent event) {
    switch (event) {
      case TextDelta delta -> text(delta.text());
      case ReasoningDelta delta -> reasoning(delta.text());
      case ToolCallStart call -> start(call);
      case ToolArgumentsDelta delta -> arguments(delta.index(), delta.json());
    }
  }

  /// What was collected since the last call.
  public List<ReplyEvent> take() {
    close();
    List<ReplyEvent> taken = List.copyOf(events);
    events.clear();
    return taken;
  }

  private void add(ReplyEvent kind, CharSequence added) {
    if (!kind.equals(last)) {
      close();
      last = kind;
    }
    text.append(added);
  }

  private void close() {
    if (!text.isEmpty()) {
      String whole = text.toString();
      text.setLength(0);
      events.add(
          switch (last) {
            case TextDelta _ -> new TextDelta(whole);
            case ReasoningDelta _ -> new ReasoningDelta(whole);
            case ToolArgumentsDelta delta -> new ToolArgumentsDelta(delta.index(), whole);
            case ToolCallStart call -> call;
          });
    }
  }
}
