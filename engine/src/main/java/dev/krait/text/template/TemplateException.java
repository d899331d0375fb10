package dev.krait.text.template;

/// A template that cannot be compiled or rendered; the message is meant for whoever sent the
/// conversation or wrote the template.
public final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// Why a template failed.
  public enum Reason {
    /// The template is not valid Jinja, or uses a part of it that is not known here.
    SYNTAX,
    /// The template called `raise_exception`: it refuses this conversation.
    RAISED,
    /// An operation on values failed, such as adding a number to a text.
    EVALUATION,
    /// A limit on size, depth or work was reached.
    LIMIT
  }

  private final Reason reason;

  TemplateException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  static TemplateException syntax(String message) {
    String shown = message.length() <= 400 ? message : message.substring(0, 400) + "...";
    return new TemplateException(Reason.SYNTAX, shown);
  }

  static TemplateException evaluation(String message) {
    return new TemplateException(Reason.EVALUATION, message);
  }

  static TemplateException limit(String what, long value, long limit) {
    return new TemplateException(
        Reason.LIMIT,
        "chat template " + what + ": " + value + " (expected: at most " + limit + ")");
  }

  static TemplateException size(String message) {
    return new TemplateException(Reason.LIMIT, "chat template size: " + message);
  }

  /// Why it failed.
  public Reason reason() {
    return reason;
  }
}
