package dev.krait.server.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Model folders whose chat template has tools and reasoning: the shipped one with another template
/// and other special tokens.
public final class ToolModel {
  /// Shows tools, calls and results; the first mention of `<tool_call>` says that it is Hermes'.
  public static final String HERMES =
      """
      {%- if tools %}<|system|>
      {% for tool in tools %}{{ tool | tojson }}
      {% endfor %}Answer with <tool_call></tool_call>.<|end|>
      {% endif %}
      {%- for message in messages %}<|{{ 'user' if message.role == 'tool' else message.role }}|>
      {{ message.content }}
      {%- for call in message.tool_calls or [] %}
      <tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>
      {%- endfor %}<|end|>
      {% endfor %}
      {%- if add_generation_prompt %}<|assistant|>
      {% if enable_thinking is defined %}<think>
      {% if not enable_thinking %}
      </think>

      {% endif %}{% endif %}{% endif %}\
      """;

  /// The same with Mistral's marker.
  public static final String MISTRAL = HERMES.replace("<tool_call></tool_call>", "[TOOL_CALLS]");

  private ToolModel() {}

  /// Writes a model folder.
  ///
  /// @param folder an empty folder
  /// @param template its chat template
  public static Path in(Path folder, String template) {
    Path shipped = TestServer.modelFolder();
    try {
      Files.copy(shipped.resolve("config.json"), folder.resolve("config.json"));
      for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
        String text = Files.readString(shipped.resolve(name));
        Files.writeString(folder.resolve(name), text.replace("<|system|>", "[TOOL_CALLS]"));
      }
      Files.writeString(folder.resolve("chat_template.jinja"), template);
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Writes a model folder with the weights, so that it generates.
  ///
  /// @param folder an empty folder
  /// @param template its chat template
  public static Path withWeights(Path folder, String template) {
    in(folder, template);
    try {
      for (String name : List.of("mamba_config.json", "model.safetensors")) {
        Files.copy(TestServer.modelFolder().resolve(name), folder.resolve(name));
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
