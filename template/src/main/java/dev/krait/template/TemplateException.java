package dev.krait.template;

import java.io.Serial;

/// A template that cannot be parsed or rendered. The message is meant for whoever wrote the
/// template or sent the conversation.
public final class TemplateException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private static final int SHOWN = 400;

  /// Why a template failed.
  public enum Reason {
    /// The source is not a template, or uses a part of Jinja that is not known here.
    SYNTAX,
    /// The template called `raise_exception`: it refuses this conversation.
    RAISED,
    /// An operation on values failed, such as adding a number to a text.
    EVALUATION,
    /// A limit on size, depth or work was reached.
    LIMIT
  }

  private final Reason reason;
  private final String text;
  private final int line;

  private TemplateException(Reason reason, String text, int line) {
    super(line > 0 && reason != Reason.RAISED ? text + " (line " + line + ")" : text);
    this.reason = reason;
    this.text = text;
    this.line = line;
  }

  static TemplateException syntax(int line, String text) {
    String shown = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
    return new TemplateException(Reason.SYNTAX, shown, line);
  }

  static TemplateException evaluation(String text) {
    return new TemplateException(Reason.EVALUATION, text, 0);
  }

  static TemplateException raised(String text) {
    return new TemplateException(Reason.RAISED, text, 0);
  }

  static TemplateException limit(String what, long value, long limit) {
    return new TemplateException(
        Reason.LIMIT,
        "chat template " + what + ": " + value + " (expected: at most " + limit + ")",
        0);
  }

  static TemplateException stack() {
    return new TemplateException(
        Reason.LIMIT, "chat template depth: too deep for the stack of this thread", 0);
  }

  /// This failure with the line where it happened.
  TemplateException at(int where) {
    TemplateException located = line > 0 ? this : new TemplateException(reason, text, where);
    if (located != this) {
      located.setStackTrace(getStackTrace());
    }
    return located;
  }

  /// Why it failed.
  public Reason reason() {
    return reason;
  }

  /// The line of the source where it failed, from 1; 0 when it is not known.
  public int line() {
    return line;
  }
}
