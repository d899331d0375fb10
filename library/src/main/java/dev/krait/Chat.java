package dev.krait;

import dev.krait.error.EngineException;
import dev.krait.reply.ToolUse.Choice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/// A conversation that a model is to go on with.
///
/// @param messages what was said so far
/// @param tools functions that may be called
/// @param choice which of them are to be
/// @param parallelCalls whether more than one may be
/// @param variables further variables of the chat template, such as `enable_thinking`
/// @param options how to generate
public record Chat(
    List<Message> messages,
    List<Tool> tools,
    Choice choice,
    boolean parallelCalls,
    Map<String, Object> variables,
    Options options) {
  /// Makes the collections unchangeable.
  public Chat {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    variables = Map.copyOf(variables);
  }

  /// One message of a user.
  public static Chat of(String message) {
    return builder().user(message).build();
  }

  /// An empty conversation.
  public static Builder builder() {
    return new Builder();
  }

  /// A conversation piece by piece.
  public static final class Builder {
    private final List<Message> messages = new ArrayList<>();
    private final List<Tool> tools = new ArrayList<>();
    private final Map<String, Object> variables = new TreeMap<>();
    private Choice choice = new Choice.Auto();
    private boolean parallelCalls = true;
    private Options options = Options.defaults();

    private Builder() {}

    /// Adds what the model is to keep to.
    public Builder system(String text) {
      return message(Message.system(text));
    }

    /// Adds what a user says.
    public Builder user(String text) {
      return message(Message.user(text));
    }

    /// Adds what the model has said.
    public Builder assistant(String text) {
      return message(Message.assistant(text));
    }

    /// Adds a message.
    public Builder message(Message message) {
      messages.add(message);
      return this;
    }

    /// Adds messages.
    public Builder messages(List<Message> added) {
      messages.addAll(added);
      return this;
    }

    /// Adds a function that may be called.
    public Builder tool(Tool tool) {
      tools.add(tool);
      return this;
    }

    /// Lets the model call no tool.
    public Builder callNoTool() {
      choice = new Choice.None();
      return this;
    }

    /// Makes the model call some tool.
    public Builder callSomeTool() {
      choice = new Choice.Required();
      return this;
    }

    /// Makes the model call one tool.
    public Builder callTool(String name) {
      choice = new Choice.Named(name);
      return this;
    }

    /// Whether the model may call more than one tool; true unless set.
    public Builder parallelCalls(boolean allowed) {
      parallelCalls = allowed;
      return this;
    }

    /// Sets a variable of the chat template.
    public Builder variable(String name, Object value) {
      variables.put(name, value);
      return this;
    }

    /// Says how to generate.
    public Builder options(Options generation) {
      options = generation;
      return this;
    }

    /// Says how to generate.
    public Builder options(Consumer<Options.Builder> changes) {
      Options.Builder builder = Options.builder();
      changes.accept(builder);
      return options(builder.build());
    }

    /// The conversation.
    ///
    /// @throws EngineException with INVALID_ARGUMENT for a tool to be called that is not there
    public Chat build() {
      boolean forced = choice instanceof Choice.Required && tools.isEmpty();
      boolean unknown =
          choice instanceof Choice.Named named
              && tools.stream().noneMatch(tool -> tool.name().equals(named.tool()));
      if (forced || unknown) {
        throw EngineException.invalidArgument(
            "tools", tools.stream().map(Tool::name).toList(), "the tool that is to be called");
      }
      return new Chat(messages, tools, choice, parallelCalls, variables, options);
    }
  }
}
