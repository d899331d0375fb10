package dev.krait.reply;

import java.util.List;
import java.util.Optional;

/// The tools of a request and what is to be done with them.
///
/// @param tools definitions as the OpenAI API has them, for the chat template
/// @param choice which of them the model is to call
/// @param parallel whether it may call more than one
public record ToolUse(List<Object> tools, Choice choice, boolean parallel) {

  /// Which tools the model is to call.
  public sealed interface Choice {
    /// Those that it likes, or none.
    record Auto() implements Choice {}

    /// None; it does not hear of them.
    record None() implements Choice {}

    /// At least one.
    record Required() implements Choice {}

    /// One.
    ///
    /// @param tool its name
    record Named(String tool) implements Choice {}
  }

  /// Makes the list unchangeable.
  public ToolUse {
    tools = List.copyOf(tools);
  }

  /// A request without tools.
  public static ToolUse none() {
    return new ToolUse(List.of(), new Choice.None(), true);
  }

  /// What the chat template is given; empty when the model is to hear of none.
  public Optional<List<Object>> shown() {
    return tools.isEmpty() || choice instanceof Choice.None ? Optional.empty() : Optional.of(tools);
  }

  /// What a reply may call.
  public Tools callable() {
    return shown().map(Tools::of).orElseGet(Tools::none);
  }

  /// Whether the text is nothing but calls in JSON, because structured output enforces it.
  public boolean isForced() {
    return choice instanceof Choice.Required || choice instanceof Choice.Named;
  }
}
