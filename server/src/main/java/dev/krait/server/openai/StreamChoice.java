package dev.krait.server.openai;

/// One choice of a streamed answer: remembers what has been sent. Used by one thread.
public final class StreamChoice {
  private final int index;
  private final Choice.PromptView prompt;
  private final boolean plain;
  private boolean begun;
  private int textOffset;

  /// A choice of which nothing has been sent.
  ///
  /// @param plain whether all it can say is text
  public StreamChoice(int index, Choice.PromptView prompt, boolean plain) {
    this.index = index;
    this.prompt = prompt;
    this.plain = plain;
  }

  /// Place in the answer.
  public int index() {
    return index;
  }

  /// Its prompt.
  public Choice.PromptView prompt() {
    return prompt;
  }

  /// Whether all it can say is text.
  boolean isPlain() {
    return plain;
  }

  /// True the first time alone.
  boolean begin() {
    boolean first = !begun;
    begun = true;
    return first;
  }

  int textOffset() {
    return textOffset;
  }

  void textOffset(int offset) {
    textOffset = offset;
  }
}
