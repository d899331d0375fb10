package dev.krait.benchmarks;

import dev.krait.text.ChatTemplate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// A conversation of ten messages with two tools through a chat template of the usual kind.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 2)
@Measurement(iterations = 4, time = 2)
@Fork(1)
public class TemplateBenchmark {
  private static final String SOURCE =
      """
      {%- macro call(c) %}<call>{{ {'name': c.function.name, 'arguments': c.function.arguments} | tojson }}</call>{% endmacro %}
      {%- set ns = namespace(last=-1) %}
      {%- if tools %}
      <|system|>Tools:
      {%- for tool in tools %}
      {{ tool | tojson }}
      {%- endfor %}<|end|>
      {%- endif %}
      {%- for m in messages %}
        {%- if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}
      {%- endfor %}
      {%- for m in messages %}
        {%- if m.role not in ['system', 'user', 'assistant', 'tool'] %}
          {{- raise_exception('unknown role ' ~ m.role) }}
        {%- endif %}
        {%- set content = m.content if m.content is string else '' %}
        {%- if '</think>' in content and loop.index0 < ns.last %}
          {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
      <|{{ m.role }}|>{{ content | trim }}
        {%- if m.tool_calls is defined and m.tool_calls %}
          {%- for c in m.tool_calls %}{{ call(c) }}{% endfor %}
        {%- endif %}<|end|>
      {%- endfor %}
      {%- if add_generation_prompt %}<|assistant|>{% endif %}
      """;

  private final List<Map<String, Object>> messages = new ArrayList<>();
  private final List<Object> tools = List.of(tool("weather"), tool("time"));
  private final ChatTemplate template = ChatTemplate.of(SOURCE, Map.of("bos_token", "<s>"));

  /// Fills the conversation.
  public TemplateBenchmark() {
    messages.add(Map.of("role", "system", "content", "You are helpful."));
    for (int i = 0; i < 3; i++) {
      messages.add(Map.of("role", "user", "content", "What is the weather in Bern? ".repeat(5)));
      messages.add(
          Map.of(
              "role",
              "assistant",
              "content",
              "<think>hm, the weather</think>\n" + "It is sunny. ".repeat(20),
              "tool_calls",
              List.of(
                  Map.of(
                      "type",
                      "function",
                      "function",
                      Map.of("name", "weather", "arguments", "{\"place\": \"Bern\"}")))));
      messages.add(Map.of("role", "tool", "content", "{\"degrees\": 21}"));
    }
  }

  private static Object tool(String name) {
    Map<String, Object> place = Map.of("type", "string", "description", "where to look");
    return Map.of(
        "type",
        "function",
        "function",
        Map.of(
            "name",
            name,
            "description",
            "Tells something about a place",
            "parameters",
            Map.of("type", "object", "properties", Map.of("place", place))));
  }

  /// Renders the conversation.
  @Benchmark
  public String tenMessages() {
    return template.render(messages, true, false, Optional.of(tools), Map.of());
  }

  /// Parses the template and renders the conversation once.
  @Benchmark
  public String parsedAndRendered() {
    return ChatTemplate.of(SOURCE, Map.of("bos_token", "<s>"))
        .render(messages, true, false, Optional.of(tools), Map.of());
  }
}
