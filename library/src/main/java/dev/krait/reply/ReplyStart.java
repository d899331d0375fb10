package dev.krait.reply;

/// Where in a reply the model's text begins.
public enum ReplyStart {
  /// In the reasoning, which the prompt has opened.
  REASONING,
  /// In the answer, because the prompt has closed the reasoning.
  ANSWER,
  /// The text itself says it: reasoning when it begins with the marker.
  OPEN
}
